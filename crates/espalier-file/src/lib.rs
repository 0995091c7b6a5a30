//! Files that are complete or absent, and text that strangers wrote.
//!
//! **Writing.** [`Output`] is the one way in which this workspace writes a file:
//!
//! | The path names | What happens |
//! |---|---|
//! | nothing | the file gets its name when it is whole, with the permissions of the umask |
//! | a regular file | it is replaced by a rename, if that was asked for; mode and owner stay |
//! | a link | what it leads to is written, next to which the new file is made; it may dangle |
//! | a pipe, a device, `/dev/stdout` | what is written goes through |
//! | a folder, or it ends in `/` | refused |
//!
//! On Linux a file that is not whole has no name, so nothing is left of it however the process
//! ends. Where the file system cannot do this it has a temporary name next to its place;
//! [`discard_pending`] removes those, for whoever handles signals.
//!
//! A rename gives the name to another file. So other hard links keep the old content, and access
//! control lists and extended attributes of the old file are lost. A file whose folder may not be
//! written to cannot be replaced, even if the file itself may be written to.
//!
//! ```
//! use std::io::Write as _;
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("table.csv");
//! let mut output = espalier_file::Output::create(&path, false)?;
//! output.write_all(b"a,b\n")?;
//! assert!(!path.exists());
//! output.finish()?;
//! assert_eq!(std::fs::read(&path)?, b"a,b\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Reading.** [`read`] and [`read_text`] are bounded, as a file may be endless. Text is UTF-8; a
//! byte order mark is skipped, and UTF-16 is refused by its name. [`fields`] splits lines of lists.
//! Messages about either [`count`] in words.

mod count;
mod destination;
mod folder;
mod output;
mod pending;
mod sink;
mod text;
mod write;
mod write_error;

pub use count::count;
pub use destination::{Destination, clash, same};
pub use folder::{check_folder, make_folder, swap, sync_folder};
pub use output::{Output, check, finish_all};
pub use pending::{discard_pending, try_discard_pending};
pub use text::{EmptyField, ReadError, fields, is_utf16, lines, read, read_text, text_of};
pub use write::{write, write_all, write_each, write_private};
pub use write_error::WriteError;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
