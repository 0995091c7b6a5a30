//! Where results go. Every output is checked before a run and written after it; if one fails then,
//! the others are still written.

use crate::console;
use crate::escape::json;
use crate::failure::Failure;
use anyhow::anyhow;
use espalier::file::{self, Destination, Output, WriteError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Whether a path is standard output: `-`, or one of its names.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-") || matches!(Destination::of(path), Ok(Destination::Stdout))
}

/// What says something without a flag.
const STDOUT: &str = "standard output";

/// Outputs as the flags name them.
#[derive(Debug, Default)]
pub(crate) struct Outputs<'a> {
    force: bool,
    folder: Option<(&'a Path, &'static [&'static str])>,
    files: Vec<(&'static str, &'a Path)>,
    inputs: Vec<(&'static str, &'a Path)>,
}

impl<'a> Outputs<'a> {
    /// With `force` they may overwrite what is there.
    pub(crate) fn new(force: bool) -> Self {
        Self { force, ..Self::default() }
    }

    /// Files of these names in the folder that `--out` names; it is made if it is not there.
    pub(crate) fn folder(mut self, path: &'a Path, names: &'static [&'static str]) -> Self {
        self.folder = Some((path, names));
        self
    }

    /// A file, if its flag is there.
    pub(crate) fn file(mut self, flag: &'static str, path: Option<&'a Path>) -> Self {
        self.files.extend(path.map(|path| (flag, path)));
        self
    }

    /// A file that is read, which no output may replace.
    pub(crate) fn input(mut self, flag: &'static str, path: Option<&'a Path>) -> Self {
        self.inputs.extend(path.map(|path| (flag, path)));
        self
    }

    /// Tries all of them and opens the files, before anything runs.
    pub(crate) fn open(self) -> Result<Opened, Failure> {
        self.check_that_they_differ()?;
        if let Some((folder, names)) = self.folder {
            file::check_folder(folder, names, self.force)
                .map_err(|error| refuse("--out", error, "folder"))?;
        }
        let mut opened = Opened::default();
        for (flag, path) in self.files {
            let alone = is_stdout(path);
            opened.alone |= alone;
            let output = match alone {
                true => Ok(Output::stdout()),
                false => {
                    if Destination::of(path).is_ok_and(|target| target.waits_for_reader()) {
                        console::complain(&format!(
                            "{flag}: waiting for a reader of {}",
                            path.display()
                        ));
                    }
                    Output::create(path, self.force)
                }
            };
            opened.files.push((flag, output.map_err(|error| refuse(flag, error, "file"))?));
        }
        Ok(opened)
    }

    fn check_that_they_differ(&self) -> Result<(), Failure> {
        let mut all: Vec<(&str, PathBuf)> = Vec::new();
        if let Some((folder, names)) = self.folder {
            all.extend(names.iter().map(|name| ("--out", folder.join(name))));
        }
        let mut says = !cfg!(unix);
        for (flag, path) in &self.files {
            let stdout = is_stdout(path);
            says |= stdout;
            all.push((flag, if stdout { "/dev/stdout".into() } else { path.to_path_buf() }));
        }
        if !says {
            all.push((STDOUT, "/dev/stdout".into()));
        }
        let paths: Vec<&Path> = all.iter().map(|(_, path)| path.as_path()).collect();
        if let Some((a, b)) = file::clash(&paths) {
            let ((a, first), (b, second)) = (&all[a], &all[b]);
            let (first, second) = (first.display(), second.display());
            let problem = match *b {
                STDOUT => format!("{a}: standard output goes to {first}"),
                b => format!("{b}: {a} writes {second} too"),
            };
            return Err(Failure::Input(anyhow!("{problem}; name another file")));
        }
        for (read, input) in &self.inputs {
            let found = all.iter().find(|(_, path)| file::same(path, input));
            if let Some((flag, path)) = found {
                let path = path.display();
                let problem = format!("{flag}: {read} reads {path}; name another file");
                return Err(Failure::Input(anyhow!(problem)));
            }
        }
        Ok(())
    }
}

/// Why an output is not begun.
fn refuse(flag: &'static str, error: WriteError, what: &str) -> Failure {
    match error {
        WriteError::Exists(path) => Failure::exists(&path, what).within(flag),
        error => Failure::from(error).within(flag),
    }
}

/// Outputs that wait for their results.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    files: Vec<(&'static str, Output)>,
    alone: bool,
    troubles: Vec<anyhow::Error>,
}

impl Opened {
    /// Whether one of them goes to standard output, so that nothing else should.
    pub(crate) fn to_stdout(&self) -> bool {
        self.alone
    }

    /// The file of this flag, for whoever writes it while a run goes on.
    pub(crate) fn take(&mut self, flag: &str) -> Option<Output> {
        let at = self.files.iter().position(|(name, _)| *name == flag)?;
        Some(self.files.remove(at).1)
    }

    /// Writes the file of this flag, if it is wanted, and gives it its name.
    pub(crate) fn write(&mut self, flag: &'static str, text: impl FnOnce() -> String) {
        let Some(mut output) = self.take(flag) else { return };
        let mut text = text();
        if is_stdout(output.path()) {
            text = json(&text).into_owned();
        }
        let written = output
            .write_all(text.as_bytes())
            .map_err(WriteError::io(output.path()))
            .and_then(|()| output.sync())
            .and_then(|()| output.finish());
        self.keep(flag, written);
    }

    /// Remembers what went wrong with an output; whether nothing did.
    pub(crate) fn keep(&mut self, flag: &'static str, written: Result<(), WriteError>) -> bool {
        let Err(error) = written else { return true };
        let error = anyhow::Error::new(error).context(flag);
        if !is_broken_pipe(&error) {
            self.troubles.push(error);
        }
        false
    }

    /// What went wrong with outputs, if something did.
    pub(crate) fn done(self) -> Result<(), Failure> {
        let mut troubles = self.troubles.into_iter();
        let Some(first) = troubles.next() else { return Ok(()) };
        for other in troubles {
            console::complain_of(&other);
        }
        Err(Failure::Environment(first))
    }
}

/// Whoever read our output has seen enough: `espalier … | head`.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
