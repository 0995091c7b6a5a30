//! Checks of the models that a run merges, made before it begins, and remarks about them: an honest
//! node can contribute each, and integers can be merged by a rule.

use super::Task;
use crate::config::Config;
use crate::error::{BadElement, DifferentIntegers, SimError, field};
use crate::text::some_of;
use espalier_identity::Digest;
use espalier_replica::Arena;
use espalier_resolve::Strategy;
use espalier_tensor::Model;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Refuses models that an honest node cannot contribute and integers that no rule merges. What a
/// node that lies brings may be anything; `honest` tells who does not lie.
pub(crate) fn check(
    config: &Config,
    task: &Task,
    arena: &Arena,
    honest: &(dyn Fn(usize) -> bool + Sync),
) -> Result<(), SimError> {
    if let (Some(base), Some(file)) = (task.base(), task.base_file()) {
        check_elements(base, arena, || file.display().to_string())?;
    }
    let brought: Vec<_> =
        task.brought().enumerate().filter(|(node, _)| honest(*node)).map(|(_, it)| it).collect();
    brought.par_iter().try_for_each(|finished| {
        check_elements(&finished.model, arena, || finished.file.display().to_string())
    })?;
    check_integers(config, task, honest)
}

/// Refuses what an honest node trained before the first round if it cannot contribute it.
pub(crate) fn check_trained(
    task: &Task,
    node: usize,
    model: &Model,
    arena: &Arena,
) -> Result<(), SimError> {
    let from = || task.base_file().map(|file| format!(" from {}", file.display()));
    let what = || format!("what node_{node} trained{}", from().unwrap_or_default());
    check_elements(model, arena, what)
}

fn check_elements(
    model: &Model,
    arena: &Arena,
    what: impl FnOnce() -> String,
) -> Result<(), SimError> {
    match BadElement::first_in(model, arena) {
        None => Ok(()),
        Some(element) => Err(SimError::Element { model: what(), element: Box::new(element) }),
    }
}

/// Unless a rule says how integers are merged, they must be the same in the base and in all honest
/// models.
fn check_integers(
    config: &Config,
    task: &Task,
    honest: &(dyn Fn(usize) -> bool + Sync),
) -> Result<(), SimError> {
    let strategy = Strategy::new(&config.strategy, &config.strategy_parameters());
    let strategy = strategy.map_err(|error| field("strategy", error.to_string()))?;
    if !strategy.compares_integers() {
        return Ok(());
    }
    let base = task.base().zip(task.base_file());
    let brought = task.brought().enumerate().filter(|(node, _)| honest(*node));
    let mut models = base.into_iter().chain(brought.map(|(_, it)| (&it.model, it.file.as_path())));
    let Some(first) = models.next() else { return Ok(()) };
    let different = models.find_map(|second| different(first, second, base.is_some()));
    different.map_or(Ok(()), |found| Err(SimError::Integers(Box::new(found))))
}

/// Where the integers of two models of one layout differ, as merging them would say.
fn different(
    (first, first_file): (&Model, &Path),
    (second, second_file): (&Model, &Path),
    base: bool,
) -> Option<DifferentIntegers> {
    let pairs = first.manifest.tensors().iter().zip(second.manifest.tensors());
    let mut integers = pairs.enumerate().filter(|(_, (ours, _))| !ours.dtype.is_float());
    let (index, (meta, _)) = integers.find(|(_, (a, b))| a.content != b.content)?;
    let [ours, theirs] = [first, second].map(|model| &model.content(index)[..]);
    // Of one shape and with other digests, they differ somewhere.
    let byte = ours.iter().zip(theirs).position(|(a, b)| a != b)?;
    let size = meta.dtype.size();
    let element = byte / size;
    let value = |bytes: &[u8]| meta.dtype.integer(&bytes[element * size..(element + 1) * size]);
    Some(DifferentIntegers {
        tensor: meta.name.clone(),
        dtype: meta.dtype,
        element: element as u64,
        first: (first_file.to_owned(), value(ours)),
        second: (second_file.to_owned(), value(theirs)),
        base,
    })
}

/// What a user should know about the models before they are merged: files that hold the same.
pub(crate) fn notes(task: &Task) -> Vec<String> {
    let mut files = BTreeMap::<Digest, Vec<String>>::new();
    for finished in task.brought() {
        files.entry(finished.model.root()).or_default().push(finished.name());
    }
    let mut equal: Vec<_> = files.into_values().filter(|names| names.len() > 1).collect();
    equal.sort();
    let note = |names: Vec<String>| {
        let names = some_of(&names);
        format!("{names} hold the same model: they share one voice, unless most files are copies")
    };
    equal.into_iter().map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_tensor::Dtype;

    fn f64s(values: &[f64]) -> Model {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = vec![values.len() as u64];
        Model::from_tensors(vec![("w".into(), Dtype::F64, shape, bytes)]).expect("bytes that fit")
    }

    #[test]
    fn what_cannot_be_signed_is_found_where_it_is() {
        let greatest = f64::from(f32::MAX);
        assert_eq!(BadElement::first_of(&f64s(&[0.0, greatest, -greatest])), None);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e39, -f64::MAX] {
            let found = BadElement::first_of(&f64s(&[1.0, 2.0, value, f64::NAN])).expect("bad");
            assert_eq!((found.tensor.as_str(), found.element), ("w", 2));
            assert_eq!(found.value.to_bits(), value.to_bits());
        }
        let text = |value| BadElement { tensor: "w".into(), element: 7, value }.to_string();
        assert!(text(f64::NAN).starts_with("element 7 of tensor `w` is NaN; "));
        assert!(text(f64::NEG_INFINITY).contains(" is -infinity; "));
        assert!(text(1e39).contains(" is 1e39; ") && text(1e39).contains("3.4028235e38"));
    }
}
