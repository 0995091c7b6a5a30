//! The flags of `serve`.

use super::whole;
use clap::{Args, ValueHint};
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};

/// `serve`: where, for whom, and how much.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  espalier serve
      a page on http://127.0.0.1:7777, for this machine only
  espalier serve --port 0
      on any free port; the address is printed
  espalier serve --listen 0.0.0.0 --token \"$(openssl rand -hex 16)\"
      reachable from other machines, by the address with the token in it

The page loads nothing from other servers. Press Ctrl-C to stop; uploads are then removed.")]
pub(crate) struct ServeArgs {
    /// Port to listen on; 0 picks any free port
    #[arg(long, value_name = "PORT", default_value_t = 7777, value_parser = whole::<u16>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) port: u16,
    /// Address to listen on; anything but a loopback address needs --token [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR", value_hint = ValueHint::Hostname)]
    pub(crate) listen: Option<IpAddr>,
    /// Token that every request must carry: 16 or more letters, digits, `-` and `_`
    #[arg(long, value_name = "TOKEN", env = "ESPALIER_TOKEN", hide_env_values = true)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) token: Option<String>,
    /// Largest model that may be uploaded, in MiB
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = whole::<NonZeroU64>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) upload_limit: NonZeroU64,
    /// Number of simulations that may run at the same time
    #[arg(long, value_name = "N", default_value = "2", value_parser = whole::<NonZeroUsize>)]
    #[arg(value_hint = ValueHint::Other)]
    pub(crate) runs: NonZeroUsize,
}
