//! The server over real HTTP.

mod client;
mod runs;
