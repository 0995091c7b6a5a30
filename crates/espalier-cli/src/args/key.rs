//! The flags of `key`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `key`: which of its commands.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What to do with a key file.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key that signs contributions; FILE.seq keeps what it has signed
    #[command(after_long_help = "Examples:
  espalier key new ada.key
      prints the public key, which others put on the roster of a state

Only you can read the file. Nobody can make it again: keep a copy of it, together with ada.key.seq,
and sign on one machine only.")]
    New(KeyFileArgs),
    /// Print the public half of a key
    #[command(after_long_help = "Examples:
  espalier key show ada.key")]
    Show(KeyFileArgs),
}

/// A key file.
#[derive(Debug, Args)]
pub(crate) struct KeyFileArgs {
    /// The key file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Print JSON: {"public_key": "…"}
    #[arg(long)]
    pub(crate) json: bool,
}
