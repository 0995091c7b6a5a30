//! Files as others see them: every kind of path, with permissions, signals and hostile text.

mod read;
#[cfg(unix)]
mod write;
