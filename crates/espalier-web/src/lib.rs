//! The web page: simulations while they run, over a JSON interface.
//!
//! * [`Server`]: binds, serves until it is told to stop. [`Settings`]: where, for whom, how much.
//! * `docs/PAGE.md` says what is served and why it is safe; `docs/openapi.json` describes every
//!   request and answer.
//!
//! A run belongs to the server, not to who looks at it: its events are kept once, serialised, and
//! every viewer reads the same bytes as fast as it can. How a page looks is not known here.

mod access;
mod admission;
mod api;
mod app;
mod assets;
mod board;
mod error;
mod events;
mod info;
mod lab;
mod lab_requests;
mod limits;
mod log;
mod middleware;
mod models;
mod presets;
mod request;
mod run;
mod run_requests;
mod server;
mod uploads;
mod work;
mod work_requests;

pub use api::OPENAPI;

pub use limits::Limits;
pub use server::{Server, ServerError, Settings, Stopper};
