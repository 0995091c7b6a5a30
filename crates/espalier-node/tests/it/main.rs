//! A node under drivers that lose, repeat, reorder, crash and lie about nothing.

mod driver;
mod durable;
mod fetch;
mod links;
#[cfg(feature = "trees")]
mod trees;
mod twin;
