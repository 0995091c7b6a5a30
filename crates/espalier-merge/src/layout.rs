//! The files of a merged folder: their names, and which tensors are in which.

use std::path::Path;

use espalier_tensor::TensorShape;

/// Locked while a process writes to the folder.
pub(crate) const LOCK: &str = ".lock";
/// Says which tensor is in which shard.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Whether a merge writes a file of this name into a folder, besides what it copies.
pub(crate) fn writes(name: &Path) -> bool {
    let name = name.to_string_lossy();
    let shard = name.strip_prefix("model").and_then(|rest| rest.strip_suffix(".safetensors"));
    let number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = |rest: &str| {
        let numbers = rest.strip_prefix('-').and_then(|rest| rest.split_once("-of-"));
        numbers.is_some_and(|(place, count)| number(place) && number(count))
    };
    name == INDEX || name == LOCK || shard.is_some_and(|rest| rest.is_empty() || numbered(rest))
}

/// Names of shards and the tensors in each.
pub(crate) fn shards(shapes: &[TensorShape], limit: u64) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new()];
    let mut size = 0;
    for tensor in 0..shapes.len() {
        let more = bytes(shapes, &[tensor]);
        if size + more > limit && size > 0 {
            groups.push(Vec::new());
            size = 0;
        }
        size += more;
        if let Some(group) = groups.last_mut() {
            group.push(tensor);
        }
    }
    let count = groups.len();
    let name = |place: usize| match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", place + 1),
    };
    groups.into_iter().enumerate().map(|(place, group)| (name(place), group)).collect()
}

/// The bytes of these tensors.
pub(crate) fn bytes(shapes: &[TensorShape], tensors: &[usize]) -> u64 {
    let size =
        |shape: &TensorShape| shape.shape.iter().product::<u64>() * shape.dtype.size() as u64;
    tensors.iter().map(|&tensor| size(&shapes[tensor])).sum()
}
