//! Models in safetensors files, whole or in shards.
//!
//! The format: eight bytes with the header's length, a JSON header, then the data of all tensors
//! without gaps. Shards are such files together with an index `*.safetensors.index.json` that
//! says which tensor is where.

mod header;
mod read;
mod write;

pub use read::{ModelFolder, SafetensorsModel, models_in, open_safetensors};
pub use write::{SafetensorsWriter, write_safetensors};

/// The header's entry for free text; not a tensor.
const METADATA: &str = "__metadata__";
