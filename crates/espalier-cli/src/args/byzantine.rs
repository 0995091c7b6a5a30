//! The flags of `byzantine`.

use super::words;
use super::{MemoryArgs, profiles, whole};
use clap::{Args, ValueHint};
use espalier::sim::{Attack, Family, Retrain, Share, Spread};
use espalier::topology::Topology;
use espalier::trust::Profile;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// `byzantine`: the axes of the grid.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier byzantine --quick
      fourteen attacks, 20 nodes and two spreads, in less than a minute
  espalier byzantine --nodes 50 --byzantine 34%,45% --spread iid --attack alie:0.5:1,white-box
      two attacks that hide within the honest spread, on a chosen grid
  espalier byzantine --model digits --nodes 20 --spread dirichlet:0.3
      a network that learns to read digits, with nodes that measure each other
  espalier byzantine
      the whole grid, which takes half an hour; an interrupted grid resumes when started again

A list replaces the whole axis. When it is done, open espalier-byzantine/byzantine.html.")]
pub(crate) struct ByzantineArgs {
    /// Run a small grid, in less than a minute
    #[arg(long)]
    pub(crate) quick: bool,
    /// Attacks, as for `simulate`; each is run alone [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Axes")]
    #[arg(value_parser = words::attacks(), hide_possible_values = true)]
    pub(crate) attack: Vec<Attack>,
    /// How many nodes lie: numbers or shares [default: 0,10%,20%,34%,40%,45%,49%]
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', help_heading = "Axes")]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) byzantine: Vec<Share>,
    /// How the honest nodes' data differ [default: iid,mild,strong,dirichlet:0.3,clusters:2]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Axes")]
    #[arg(value_parser = words::spreads(), hide_possible_values = true)]
    pub(crate) spread: Vec<Spread>,
    /// The network, as for `simulate` [default: random]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Axes")]
    #[arg(value_parser = words::topologies(), hide_possible_values = true)]
    pub(crate) topology: Vec<Topology>,
    /// Numbers of nodes [default: 20,50,100]
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = "Axes")]
    #[arg(value_parser = whole::<u32>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) nodes: Vec<u32>,
    /// Number of seeds [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = whole::<NonZeroU32>, help_heading = "Axes")]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seeds: Option<NonZeroU32>,
    /// Number of seeds for the runs without liars, whose rates are near zero [default: 100, or
    /// --seeds if that is more]
    #[arg(long, value_name = "COUNT", value_parser = whole::<NonZeroU32>, help_heading = "Axes")]
    pub(crate) honest_seeds: Option<NonZeroU32>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Axes")]
    #[arg(value_parser = whole::<u64>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) seed: u64,
    /// The model to merge: synthetic:SHAPE or digits [default: synthetic:1024, or synthetic:512
    /// with --quick]
    #[arg(long, value_name = "MODEL", help_heading = "Runs")]
    #[arg(value_parser = words::models(), hide_possible_values = true)]
    pub(crate) model: Option<Family>,
    /// Constants of the trust score: strict or clustered [default: clustered for clusters:K,
    /// strict otherwise]
    #[arg(long, value_name = "NAME", value_parser = profiles(), help_heading = "Runs")]
    #[arg(hide_possible_values = true)]
    pub(crate) profile: Option<Profile>,
    /// Train again from the merged model every EVERY rounds, TIMES times
    #[arg(long, value_name = "EVERY:TIMES", value_hint = ValueHint::Other)]
    #[arg(help_heading = "Runs")]
    pub(crate) retrain: Option<Retrain>,
    /// Do not let nodes measure each other's contributions
    #[arg(long, help_heading = "Runs")]
    pub(crate) no_attest: bool,
    /// Folder for byzantine.html, byzantine.json and byzantine.csv; an interrupted grid in it is
    /// resumed
    #[arg(long, value_name = "DIR", default_value = "espalier-byzantine", help_heading = "Output")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Overwrite what is there and start over
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Also write the JSON to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}
