//! The flags of `state`.

use super::{parameter, words};
use clap::{Args, Subcommand, ValueHint};
use espalier::identity::PeerId;
use espalier::replica::Weight;
use std::path::PathBuf;

/// `state`: which of its commands.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

/// What to do with the state in a folder.
#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Begin a state: choose how models are merged, and who may contribute
    Init(InitArgs),
    /// Contribute a model, in place of your earlier one
    Add(AddArgs),
    /// Take your contribution back
    Retract(RetractArgs),
    /// Take from other folders what this one lacks; copying the files does the same
    Merge(StateMergeArgs),
    /// Show the contributions, and which of them are merged
    Show(ShowArgs),
    /// Write the merged model
    Resolve(ResolveArgs),
    /// Check every file of the folder
    Verify(ShowArgs),
    /// List who may contribute, and who has
    Roster(RosterArgs),
}

impl StateCommand {
    /// Whether the command needs threads to compute on.
    pub(super) fn computes(&self) -> bool {
        matches!(self, Self::Show(_) | Self::Resolve(_))
    }
}

/// `state init`: the policy.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state init team --strategy median
      open to everybody
  espalier state init team --base base.safetensors --strategy ties --param density=0.3
  espalier state init team --member 3b6a…29 --member 8139…f4
      only these keys contribute; `espalier key show` prints them
  espalier state init mine --policy team/policy
      the same state in another folder, empty so far")]
pub(crate) struct InitArgs {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// How contributions are merged; see `espalier strategies`
    #[arg(long, value_name = "NAME", default_value = "weight-average")]
    #[arg(value_parser = words::strategies(), hide_possible_values = true)]
    pub(crate) strategy: String,
    /// A parameter of the strategy; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The model from which training starts: a safetensors file, an index, or a folder with one
    #[arg(long, value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    pub(crate) base: Option<PathBuf>,
    /// A public key that may contribute; may be repeated [default: everybody's]
    #[arg(long = "member", value_name = "PUBLIC_KEY", value_parser = member)]
    pub(crate) members: Vec<PeerId>,
    /// Take all of this from the policy of another state, or from JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
}

/// `state add`: a contribution.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state add team model.safetensors --key ada.key
  espalier state add team model.safetensors --key ada.key --name \"after epoch 3\" --weight 1200")]
pub(crate) struct AddArgs {
    /// The folder of the state
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// The model: a safetensors file, an index, or a folder with one
    #[arg(value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,
    /// Your key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
    /// A name for people to read [default: the name of MODEL]
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) name: Option<String>,
    /// How much it counts, relative to others: the number of examples, say
    #[arg(long, value_name = "W", default_value = "1", value_parser = weight)]
    pub(crate) weight: f64,
    /// The training round
    #[arg(long, value_name = "N", default_value = "0")]
    #[arg(value_parser = super::whole::<u64>)]
    pub(crate) round: u64,
}

/// `state retract`: whose contribution.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state retract team --key ada.key")]
pub(crate) struct RetractArgs {
    /// The folder of the state
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Your key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
    /// Only the contribution with this name [default: all of yours]
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) name: Option<String>,
}

/// `state merge`: from where.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state merge team /media/stick/team
  cp -r /media/stick/team/. team
      the same; so do rsync, Syncthing and a shared folder")]
pub(crate) struct StateMergeArgs {
    /// The folder that takes
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Folders with the same policy; they are only read
    #[arg(value_name = "OTHER", value_hint = ValueHint::DirPath, required = true)]
    pub(crate) others: Vec<PathBuf>,
}

/// `state show` and `state verify`: which folder.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state show team
  espalier state verify team --json")]
pub(crate) struct ShowArgs {
    /// The folder of the state
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `state resolve`: where to.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state resolve team -o merged.safetensors")]
pub(crate) struct ResolveArgs {
    /// The folder of the state
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// The safetensors file to write
    #[arg(long, short, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// `state roster`: which folder.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier state roster team")]
pub(crate) struct RosterArgs {
    /// The folder of the state
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

fn member(text: &str) -> Result<PeerId, String> {
    let wrong = "must be 64 lower-case hexadecimal digits, as `espalier key show` prints them";
    text.parse().map_err(|_| wrong.to_owned())
}

fn weight(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|weight| Weight::new(*weight).is_some());
    value.ok_or_else(|| "must be a number above 0 and at most 2^32, such as 1200".into())
}
