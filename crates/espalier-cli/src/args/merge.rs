//! The flags of `merge` and `strategies`.

use super::parameter;
use clap::{Args, ValueHint};
use espalier::recipe::IntegerTensors;
use std::path::PathBuf;

/// `merge`: which models, how and where to.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier merge --strategy task-arithmetic --base base tuned-a tuned-b -o merged
      add the differences of two fine-tuned models to their base
  espalier merge --strategy ties --base base a b c --param density=0.5 --weight 1,1,0.5 -o merged
      the same with TIES, and with a weight for each model
  espalier merge --strategy slerp --param t=0.3 a b -o merged.safetensors
      one file instead of a folder
  espalier merge --strategy ties --base base a b --out-adapter 32 -o adapter
      what the merge adds to the base, as a LoRA adapter of rank 32
  espalier merge recipe.yaml merged
      the YAML that model mergers use
  espalier merge recipe.yaml merged --dry-run
      only show what would be done

A model is a .safetensors file, an index of shards, or a folder with one of these; MODEL+ADAPTER
adds a LoRA adapter to it. `espalier strategies` lists the strategies. A merge into a folder that
was interrupted goes on when it is run again.")]
pub(crate) struct MergeArgs {
    /// A recipe and the output, or with --strategy the models
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath, required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// How to merge, without a recipe; see `espalier strategies`
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// The model that the others were fine-tuned from
    #[arg(long, value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    pub(crate) base: Option<PathBuf>,
    /// A parameter of the strategy, such as density=0.3; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Weights of the models in their order, such as 1,0.5 [default: 1 for each]
    #[arg(long = "weight", value_name = "W", value_delimiter = ',')]
    #[arg(allow_negative_numbers = true)]
    pub(crate) weights: Vec<f64>,
    /// Where to write: a folder, or a file if it ends in .safetensors
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,
    /// Element type of the result, such as float32 or bfloat16 [default: that of the base]
    #[arg(long, value_name = "DTYPE")]
    pub(crate) dtype: Option<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
    /// Maximum shard size, such as 5GB
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = bytes)]
    pub(crate) shard_size: u64,
    /// Write a LoRA adapter of this rank (PEFT layout) instead of a whole model
    #[arg(long, value_name = "RANK", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) out_adapter: Option<u32>,
    /// Store changed embeddings, norms and biases whole in the adapter instead of refusing the
    /// merge
    #[arg(long)]
    pub(crate) save_modules: bool,
    /// Refuse a merge whose buffers need more than this, such as 500MB [default: warn above 300MB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) memory: Option<u64>,
    /// Say in the header which contents were merged; reads all models once more
    #[arg(long)]
    pub(crate) provenance: bool,
    /// Show the plan and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the plan, or what was done, as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Replace an earlier result; models that are read and other files are never replaced
    #[arg(long)]
    pub(crate) force: bool,
}

/// What changes the numbers of a merge besides its recipe: `merge` and `verify` take the same.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// Round once, at the end: a recipe in f32 or f64 instead of after every step, a strategy in
    /// f64 instead of f32
    #[arg(long)]
    pub(crate) precise: bool,
    /// What to do about a tensor that some models lack
    #[arg(long, value_name = "WHAT", default_value = MISSING)]
    #[arg(value_parser = ["error", "intersection", "base"])]
    pub(crate) missing: String,
    /// Which vocabulary the result has: of the base, or the union; error refuses models whose rows
    /// belong to different tokens, and rows merges row by row all the same [default: error, or what
    /// the recipe says]
    #[arg(long, value_name = "WHOSE", value_parser = ["error", "base", "union", "rows"])]
    pub(crate) vocab: Option<String>,
    /// Whose integers are taken: those of the base, or of the model with this number; error refuses
    /// those that differ [default: error]
    #[arg(long, value_name = "WHOSE", value_parser = integers)]
    pub(crate) integers: Option<IntegerTensors>,
    /// Seed of the strategies that drop elements at random
    #[arg(long, value_name = "N", default_value_t = SEED)]
    pub(crate) seed: u64,
}

impl HowArgs {
    /// These flags as they are written, where they are not as they are by default.
    pub(crate) fn flags(&self) -> String {
        let Self { precise, missing, vocab, integers, seed } = self;
        let mut flags = String::new();
        if *precise {
            flags += " --precise";
        }
        if missing != MISSING {
            flags += &format!(" --missing {missing}");
        }
        if let Some(vocab) = vocab {
            flags += &format!(" --vocab {vocab}");
        }
        match integers {
            None => {}
            Some(IntegerTensors::Same) => flags += " --integers error",
            Some(IntegerTensors::Base) => flags += " --integers base",
            Some(IntegerTensors::Model(place)) => flags += &format!(" --integers {}", place + 1),
        }
        if *seed != SEED {
            flags += &format!(" --seed {seed}");
        }
        flags
    }
}

/// What is done by default about a tensor that some models lack.
const MISSING: &str = "error";
const SEED: u64 = 1;

/// `strategies`: how to list them.
#[derive(Debug, Args)]
pub(crate) struct StrategiesArgs {
    /// Show only this one
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn integers(text: &str) -> Result<IntegerTensors, String> {
    match text {
        "error" => Ok(IntegerTensors::Same),
        "base" => Ok(IntegerTensors::Base),
        number => match number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
            Some(place) => Ok(IntegerTensors::Model(place)),
            None => Err("must be error, base, or the number of a model, from 1".to_owned()),
        },
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || "must be a number of bytes above 0, such as 500MB or 5GB".to_owned();
    let lower = text.trim().to_ascii_lowercase();
    let units = [("gib", 1 << 30), ("mib", 1 << 20), ("kib", 1 << 10)];
    let units = units.into_iter().chain([("gb", 1_000_000_000), ("mb", 1_000_000), ("kb", 1000)]);
    let units = units.chain([("b", 1), ("", 1)]);
    let (number, unit) = units
        .filter_map(|(unit, bytes)| Some((lower.strip_suffix(unit)?, bytes)))
        .next()
        .ok_or_else(wrong)?;
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|&bytes| bytes > 0).ok_or_else(wrong)
}
