//! What people bring in place of a model: known by its first bytes, called by its name.

use core::fmt;
use espalier_file::count;

/// The largest header of a safetensors file, as the format says.
pub(crate) const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Something that is not a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// What Git leaves where Git LFS should have put the file; with the size of that, in bytes.
    LfsPointer(Option<u64>),
    /// A page, as servers send it in place of a file: a login, or an error.
    Html,
    /// An XML document, such as the error of an object store.
    Xml,
    /// A JSON text: a configuration, an index without its name, or an error.
    Json,
    /// Other text, with its beginning.
    Text(String),
    /// A PyTorch checkpoint: a ZIP archive with a pickle in it.
    PyTorch,
    /// Some other ZIP archive.
    Zip,
    /// A Python pickle, such as an old PyTorch checkpoint.
    Pickle,
    /// A model for llama.cpp and its kin.
    Gguf,
    /// A NumPy array.
    Numpy,
    /// An HDF5 file, such as Keras writes.
    Hdf5,
    /// A compressed file, and with what.
    Compressed(&'static str),
    /// A tar archive.
    Tar,
    /// Nothing but zeros: space for a download that did not come.
    Zeros,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LfsPointer(size) => {
                f.write_str("a Git LFS pointer, not a model; `git lfs pull` fetches the model")?;
                size.map_or(Ok(()), |size| write!(f, ", which has {}", count(size, "byte")))
            }
            Self::Html => f.write_str(
                "an HTML page, not a model; a server sent it, maybe because it wants a login",
            ),
            Self::Xml => {
                f.write_str("an XML document, not a model; maybe an error message of a server")
            }
            Self::Json => f.write_str(
                "a JSON text, not a model; the index of a model in shards is called \
                 *.safetensors.index.json",
            ),
            Self::Text(start) => write!(f, "a text that begins {start:?}, not a model"),
            Self::PyTorch => {
                f.write_str("a PyTorch checkpoint, not safetensors; save it with safetensors")
            }
            Self::Zip => f.write_str("a ZIP archive, not a model; unpack it first"),
            Self::Pickle => f.write_str(
                "a Python pickle such as an old PyTorch checkpoint, not safetensors; save it with \
                 safetensors",
            ),
            Self::Gguf => {
                f.write_str("a GGUF or GGML model, not safetensors; use what it was made from")
            }
            Self::Numpy => f.write_str("a NumPy array, not safetensors; save it with safetensors"),
            Self::Hdf5 => f.write_str("an HDF5 file, not safetensors; save it with safetensors"),
            Self::Compressed(how) => write!(f, "compressed with {how}; unpack it first"),
            Self::Tar => f.write_str("a tar archive, not a model; unpack it first"),
            Self::Zeros => f.write_str("zeros where a model begins, as in a download that failed"),
        }
    }
}

/// How much of a file is looked at, in bytes.
const LOOKED_AT: usize = 1024;
/// How much of a text is shown, in characters.
const SHOWN: usize = 40;

/// First bytes that say what a file is.
const MAGIC: &[(&[u8], Foreign)] = &[
    (b"\x1f\x8b", Foreign::Compressed("gzip")),
    (b"\xfd7zXZ\0", Foreign::Compressed("xz")),
    (b"BZh", Foreign::Compressed("bzip2")),
    (b"\x28\xb5\x2f\xfd", Foreign::Compressed("zstd")),
    (b"7z\xbc\xaf\x27\x1c", Foreign::Compressed("7-Zip")),
    (b"GGUF", Foreign::Gguf),
    (b"ggml", Foreign::Gguf),
    (b"ggjt", Foreign::Gguf),
    (b"lmgg", Foreign::Gguf),
    (b"tjgg", Foreign::Gguf),
    (b"\x93NUMPY", Foreign::Numpy),
    (b"\x89HDF\r\n\x1a\n", Foreign::Hdf5),
    (b"PK\x05\x06", Foreign::Zip),
    (b"\x80\x02", Foreign::Pickle),
    (b"\x80\x03", Foreign::Pickle),
    (b"\x80\x04", Foreign::Pickle),
    (b"\x80\x05", Foreign::Pickle),
];

/// What `file` is, if it is known and no safetensors file: those have the length of a header that
/// is possible in their first eight bytes, and then a brace.
pub(crate) fn recognise(file: &[u8]) -> Option<Foreign> {
    if let Some((claimed, rest)) = file.split_first_chunk::<8>()
        && u64::from_le_bytes(*claimed) <= MAX_HEADER_BYTES
        && rest.first() == Some(&b'{')
    {
        return None;
    }
    let start = &file[..file.len().min(LOOKED_AT)];
    if start.starts_with(b"PK\x03\x04") {
        let pickled = start.windows(8).any(|window| window == b"data.pkl");
        return Some(if pickled { Foreign::PyTorch } else { Foreign::Zip });
    }
    if let Some((_, found)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(found.clone());
    }
    if start.len() > 262 && &start[257..262] == b"ustar" {
        return Some(Foreign::Tar);
    }
    if start.len() >= 16 && start.iter().all(|byte| *byte == 0) {
        return Some(Foreign::Zeros);
    }
    text(start)
}

/// What a text is.
fn text(start: &[u8]) -> Option<Foreign> {
    let start = match str::from_utf8(start) {
        Ok(text) => text,
        // A character may be cut at the end.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    if start.chars().any(|c| c.is_control() && !c.is_ascii_whitespace()) {
        return None;
    }
    let text = start.trim_start_matches('\u{feff}').trim_start();
    let first = text.chars().next()?;
    let low = text.to_ascii_lowercase();
    if text.starts_with("version https://git-lfs") || text.starts_with("version https://hawser") {
        let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse().ok());
        return Some(Foreign::LfsPointer(size));
    }
    if low.starts_with("<!doctype html") || low.starts_with("<html") || low.contains("<html") {
        return Some(Foreign::Html);
    }
    Some(match first {
        '<' => Foreign::Xml,
        '{' | '[' => Foreign::Json,
        _ => Foreign::Text(text.lines().next().unwrap_or_default().chars().take(SHOWN).collect()),
    })
}
