//! The server over real HTTP. Every answer of it that a test gets is checked against the
//! description of the interface.

mod client;
mod hostile;
mod labs;
mod limits;
mod page;
mod runs;
mod spec;
mod uploads;
mod viewers;
