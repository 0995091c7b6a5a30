//! The server over real HTTP.

mod browser;
mod client;
mod runs;
