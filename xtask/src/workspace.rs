//! What the automation knows about the repository, read once.

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package, TargetKind};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All that may be seen at the top level.
pub(crate) const TOP_LEVEL: &[&str] =
    &["Cargo.toml", "Cargo.lock", "crates", "xtask", "benches", "fixtures", "docs", "README.md"];

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The top of the repository.
    pub(crate) root: PathBuf,
    /// Where cargo builds; `CARGO_TARGET_DIR` moves it.
    pub(crate) target: PathBuf,
}

impl Places {
    /// Asks cargo, starting from the current folder.
    pub(crate) fn find() -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec()?;
        Ok(Self {
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
        })
    }

    /// The command as it is released.
    pub(crate) fn espalier(&self) -> PathBuf {
        self.target.join("release").join(format!("espalier{}", std::env::consts::EXE_SUFFIX))
    }
}

/// A crate of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The text of its `Cargo.toml`.
    pub(crate) manifest: String,
    pub(crate) has_lib: bool,
    /// How many binaries it has.
    pub(crate) bins: usize,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as declared, optional or not.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used in tests, examples and benchmarks only.
    pub(crate) dev: bool,
}

/// A tracked file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// Absent if the file is not UTF-8.
    pub(crate) text: Option<String>,
}

impl File {
    /// Whether the path ends with `.` and `extension`.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// The crates and files that are checked.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) members: Vec<Member>,
    pub(crate) files: Vec<File>,
}

impl Workspace {
    /// Reads the repository at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
        let members =
            metadata.workspace_packages().into_iter().map(member).collect::<Result<_>>()?;
        let files = paths(root)?.into_iter().map(|path| read(root, path)).collect::<Result<_>>()?;
        Ok(Self { root: root.to_path_buf(), members, files })
    }

    /// Names and versions of all crates that `member` pulls in outside its tests, itself included.
    pub(crate) fn tree(&self, member: &str) -> Result<BTreeSet<String>> {
        let args = ["tree", "-p", member, "--edges", "normal", "--prefix", "none"];
        let output = Command::new("cargo").args(args).current_dir(&self.root).output()?;
        if !output.status.success() {
            bail!("cargo tree -p {member}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8(output.stdout)?;
        // A line is `name vX.Y.Z`, then perhaps `(path)` or `(*)` for what was printed before.
        let name = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Ok(text.lines().map(name).filter(|name| !name.is_empty()).collect())
    }
}

fn member(package: &Package) -> Result<Member> {
    let path = package.manifest_path.as_std_path();
    let manifest = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let is_lib = |kind: &TargetKind| {
        use TargetKind::{CDyLib, DyLib, Lib, ProcMacro, RLib, StaticLib};
        matches!(kind, Lib | RLib | DyLib | CDyLib | StaticLib | ProcMacro)
    };
    let kinds = || package.targets.iter().map(|target| &target.kind);
    Ok(Member {
        name: package.name.to_string(),
        manifest,
        has_lib: kinds().any(|kinds| kinds.iter().any(is_lib)),
        bins: kinds().filter(|kinds| kinds.contains(&TargetKind::Bin)).count(),
        dependencies: package
            .dependencies
            .iter()
            .map(|found| Dependency {
                name: found.name.clone(),
                dev: found.kind == DependencyKind::Development,
            })
            .collect(),
    })
}

fn read(root: &Path, path: String) -> Result<File> {
    let bytes = fs::read(root.join(&path)).with_context(|| path.clone())?;
    Ok(File { path, text: String::from_utf8(bytes).ok() })
}

/// Tracked files, and new ones in the folders that are ours; a report someone wrote into the
/// root is neither. Sorted.
fn paths(root: &Path) -> Result<BTreeSet<String>> {
    let tracked = git_files(root, &["--cached"]);
    let mut paths = match tracked {
        Some(paths) if paths.iter().any(|path| path == "Cargo.toml") => {
            let new = git_files(root, &["--others", "--exclude-standard"]).unwrap_or_default();
            let ours = new.into_iter().filter(|path| {
                let top = path.split('/').next().unwrap_or_default();
                TOP_LEVEL.contains(&top) || top.starts_with('.')
            });
            paths.into_iter().chain(ours).collect()
        }
        _ => walk(root)?,
    };
    // Git still lists what was deleted but not committed.
    paths.retain(|path| root.join(path).is_file());
    Ok(paths)
}

fn git_files(root: &Path, which: &[&str]) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    let output = git.args(["ls-files", "-z"]).args(which).current_dir(root).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// The files of an unpacked copy without git: those below the entries that belong at the top.
fn walk(root: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<String> = TOP_LEVEL.iter().map(|&entry| entry.to_owned()).collect();
    while let Some(path) = waiting.pop() {
        let full = root.join(&path);
        if full.is_file() {
            found.insert(path);
        } else if full.is_dir() {
            for entry in fs::read_dir(&full).with_context(|| path.clone())? {
                let name = entry?.file_name();
                waiting.push(format!("{path}/{}", name.to_string_lossy()));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Places::find().unwrap().root
    }

    #[test]
    fn the_workspace_reads_itself() {
        let workspace = Workspace::read(&root()).unwrap();
        let xtask = workspace.members.iter().find(|member| member.name == "xtask").unwrap();
        assert!(!xtask.has_lib && xtask.bins == 1);
        assert!(xtask.dependencies.iter().any(|found| found.name == "clap" && !found.dev));
        assert!(workspace.files.iter().any(|file| file.path == "xtask/src/workspace.rs"));
        assert!(!workspace.files.iter().any(|file| file.path.starts_with("target/")));
    }

    #[test]
    fn a_copy_without_git_finds_the_same_sources() {
        let found = walk(&root()).unwrap();
        assert!(found.contains("xtask/src/workspace.rs") && found.contains("Cargo.toml"));
        assert!(!found.iter().any(|path| path.starts_with("target/")));
    }
}
