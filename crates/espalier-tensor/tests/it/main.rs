//! What the crate promises to its users, through its public interface.

mod files;
mod hostile;
mod random;
