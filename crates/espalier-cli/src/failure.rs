//! Why a command did not succeed, and the exit code that says so.

use crate::args::told;
use espalier::blame::Blame;
use espalier::file::{ReadError, WriteError};
use espalier::replica::{DecodeError, ResolutionError};
use espalier::resolve::MergeWriteError;
use espalier::sim::{GridFileError, ReplayError, ScenarioError, SimError, VerifyError};
use espalier::store::{KeyError, StoreError};
use espalier::tensor::TensorError;
use espalier_web::ServerError;
use std::path::Path;

/// Why a command did not succeed, by exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: a check that was asked for failed. It has been reported.
    Check,
    /// 2: the user's input.
    Input(anyhow::Error),
    /// 3: the environment.
    Environment(anyhow::Error),
}

impl Failure {
    /// Classifies an error by its blame. A malformed file is the user's input, no matter who wrote
    /// it; a defect is not.
    pub(crate) fn of(blame: Blame, error: impl Into<anyhow::Error>) -> Self {
        match blame {
            Blame::Peer | Blame::Caller => Self::Input(error.into()),
            Blame::Environment | Blame::Nobody => Self::Environment(error.into()),
        }
    }

    pub(crate) fn environment(error: impl Into<anyhow::Error>) -> Self {
        Self::of(Blame::Environment, error)
    }

    /// Flags that contradict each other or cannot be used.
    pub(crate) fn usage(problem: String) -> Self {
        Self::Input(anyhow::Error::msg(problem))
    }

    /// An output exists, and overwriting it was not asked for. `what` could be named instead.
    pub(crate) fn exists(path: &Path, what: &str) -> Self {
        let path = path.display();
        Self::usage(format!("{path} exists; use --force to overwrite it, or name another {what}"))
    }

    /// The same, with the place where it happened: a file, a flag, a run.
    pub(crate) fn within(self, place: impl Into<String>) -> Self {
        match self {
            Self::Check => Self::Check,
            Self::Input(error) => Self::Input(error.context(place.into())),
            Self::Environment(error) => Self::Environment(error.context(place.into())),
        }
    }

    /// The exit code, and what is still to be said.
    pub(crate) fn told(self) -> (u8, Option<anyhow::Error>) {
        match self {
            Self::Check => (1, None),
            Self::Input(error) => (2, Some(error)),
            Self::Environment(error) => (3, Some(error)),
        }
    }
}

/// Failing to print is the environment's fault.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::environment(error)
    }
}

/// Errors of the libraries that say themselves whose they are.
macro_rules! blamed {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::of(error.blame(), error)
            }
        }
    )*};
}
blamed!(DecodeError, KeyError, ReadError, ServerError, StoreError);

/// Commands that write files have the flag that overwrites them.
impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Exists(path) => Self::exists(&path, "file"),
            error => Self::of(error.blame(), error),
        }
    }
}

impl From<TensorError> for Failure {
    fn from(error: TensorError) -> Self {
        match error {
            TensorError::Write(error) => error.into(),
            error => Self::of(error.blame(), error),
        }
    }
}

impl From<MergeWriteError> for Failure {
    fn from(error: MergeWriteError) -> Self {
        match error {
            MergeWriteError::File(error) => error.into(),
            error => Self::of(error.blame(), error),
        }
    }
}

impl From<GridFileError> for Failure {
    fn from(error: GridFileError) -> Self {
        match error {
            GridFileError::Write(error) => error.into(),
            error => Self::of(error.blame(), error),
        }
    }
}

/// A state that does not merge counts as the user's input. Missing tensors are the environment's
/// fault.
impl From<ResolutionError> for Failure {
    fn from(error: ResolutionError) -> Self {
        match error.blame() {
            Blame::Nobody => Self::Input(error.into()),
            blame => Self::of(blame, error),
        }
    }
}

/// A field of a configuration was set by a flag.
impl From<SimError> for Failure {
    fn from(error: SimError) -> Self {
        Self::of(error.blame(), anyhow::Error::msg(told(&error)))
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Run(error) => error.into(),
            error => Self::of(error.blame(), error),
        }
    }
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        match error {
            ScenarioError::Run { run, seed, error } => {
                let seed = seed.map_or(String::new(), |seed| format!(" with seed {seed}"));
                Self::from(*error).within(format!("run `{run}`{seed}"))
            }
            error => Self::of(error.blame(), error),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Run(error) => {
                Self::from(error).within("its configuration cannot be run again")
            }
            error => Self::of(error.blame(), error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{complaint, whole};
    use espalier::identity::Digest;
    use espalier::replica::{ChangeError, PolicyError};
    use espalier::resolve::{ResolveError, StrategyError};
    use espalier::sim::BadElement;
    use espalier::tensor::{FormatError, ManifestError, TensorError, UnsupportedDtype};
    use espalier::topology::{EdgeListError, EdgeListProblem, TopologyError};
    use std::io;
    use std::path::PathBuf;

    /// What a terminal would obey, and an end of a line that begins one of its own.
    const HOSTILE: &str = "x\x1b[31mRED\x07\x7f\u{9b}2J\u{202e}\u{2066}\u{200b}\u{2028}\r\nPASS";

    fn name() -> String {
        HOSTILE.to_owned()
    }

    fn path() -> PathBuf {
        HOSTILE.into()
    }

    fn io() -> io::Error {
        io::Error::other(HOSTILE)
    }

    fn topology(problem: EdgeListProblem) -> SimError {
        TopologyError::from(EdgeListError { line: 1, problem }).into()
    }

    fn format(problem: FormatError) -> SimError {
        TensorError::Format { path: path(), problem }.into()
    }

    /// One of each kind that carries text of files and peers.
    fn of_strangers() -> Vec<Failure> {
        let strategy = StrategyError::Unknown { name: name(), suggestion: None };
        let element = BadElement { tensor: name(), element: 0, value: f64::NAN };
        let order = || ManifestError::Order { first: name(), second: name() };
        let overflow = ResolveError::NotFinite { tensor: name(), element: 0 };
        let runs = [
            topology(EdgeListProblem::Number { word: name() }),
            TopologyError::Open { path: name(), problem: name() }.into(),
            PolicyError::from(strategy).into(),
            overflow.into(),
            TensorError::from(order()).into(),
            TensorError::Missing { tensor: name(), content: Digest::from_bytes([0; 32]) }.into(),
            TensorError::Read { action: "read", path: path(), source: io() }.into(),
            TensorError::from(WriteError::Exists(path())).into(),
            format(FormatError::Json { what: "header", reason: name() }),
            format(FormatError::Duplicate { tensor: name() }),
            format(FormatError::Dtype { tensor: name(), source: UnsupportedDtype(name()) }),
            format(FormatError::ShardPath { shard: name() }),
            format(FormatError::NotInShard { tensor: name(), shard: name() }),
            format(FormatError::NoModel { other: Some(name()) }),
            format(FormatError::Limit(order())),
            SimError::Element { model: name(), element: Box::new(element) },
            SimError::Field { field: "churn", problem: name() },
            ChangeError::Illegal { field: "name", range: HOSTILE }.into(),
        ];
        let run = |error| ScenarioError::Run { run: name(), seed: None, error: Box::new(error) };
        let field = || SimError::Field { field: "model", problem: name() };
        let json = || serde_json::from_str::<u8>(&format!("\"{}\"", "\u{9b}")).expect_err("a text");
        let mut all: Vec<Failure> = runs.map(Failure::from).into();
        all.extend([
            run(field()).into(),
            ScenarioError::Read { path: path(), source: ReadError::Io(io()) }.into(),
            ScenarioError::Wrong { path: path(), line: 1, problem: name() }.into(),
            ScenarioError::Limit(name()).into(),
            ScenarioError::Parse(json()).into(),
            ReplayError::Io(io()).into(),
            ReplayError::Format { line: 1, problem: name() }.into(),
            VerifyError::Run(field()).into(),
            VerifyError::Parse(json()).into(),
            DecodeError::Json(json()).into(),
            GridFileError::Io { path: path(), source: io() }.into(),
            GridFileError::OtherGrid { path: path() }.into(),
            GridFileError::Write(WriteError::Exists(path())).into(),
            WriteError::Io { path: path(), source: io() }.into(),
            ReadError::Io(io()).into(),
            ServerError::Io { action: name(), source: io() }.into(),
            Failure::usage(name()).within(name()),
            Failure::from(io()),
        ]);
        all
    }

    #[test]
    fn no_error_reaches_the_terminal_with_what_it_would_obey() {
        for failure in of_strangers() {
            let (code, error) = failure.told();
            let error = error.expect("something to say");
            let shown = complaint(&whole(&error));
            assert!(code == 2 || code == 3, "{code}: {shown}");
            let hidden = |c: char| {
                c.is_control() || matches!(c, '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2066}')
            };
            assert!(!shown.contains(hidden), "{shown:?}");
        }
    }

    #[test]
    fn blame_decides_the_exit_code() {
        let code = |blame| Failure::of(blame, io()).told().0;
        assert_eq!([Blame::Peer, Blame::Caller].map(code), [2, 2]);
        assert_eq!([Blame::Environment, Blame::Nobody].map(code), [3, 3]);
        assert_eq!(Failure::Check.told().0, 1);
        assert_eq!(Failure::from(WriteError::Exists(path())).told().0, 2);
        assert_eq!(Failure::from(WriteError::Io { path: path(), source: io() }).told().0, 3);
        assert_eq!(Failure::from(ReadError::Io(io())).told().0, 2);
    }
}
