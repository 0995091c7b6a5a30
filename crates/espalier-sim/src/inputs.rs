//! What must hold of the models that a run merges before it begins, and what a user should know
//! about them: an honest node can contribute each, and integers can be merged by a rule.

use crate::config::{Buffers, Config};
use crate::error::SimError;
use crate::family::Task;
use espalier_identity::Digest;
use espalier_replica::{Arena, Bound};
use espalier_tensor::{Model, read_f64};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt;

/// How many names a note lists at most.
const NAMES: usize = 8;

/// An element that no honest node can contribute: not finite, or greater in magnitude than the
/// greatest f32.
#[derive(Debug, Clone, PartialEq)]
pub struct BadElement {
    /// The tensor.
    pub tensor: String,
    /// Which of its elements, from 0, in row-major order.
    pub element: u64,
    /// What it is.
    pub value: f64,
}

impl BadElement {
    /// The first one of a model, by tensor name and then by element. Cost: one pass over the data.
    #[must_use]
    pub fn first_of(model: &Model) -> Option<Self> {
        Self::first_in(model, &Arena::default())
    }

    /// The same; the arena remembers the magnitudes, so that signing need not look again.
    pub(crate) fn first_in(model: &Model, arena: &Arena) -> Option<Self> {
        let (tensor, element) = arena.first_beyond(model, Bound::MAX)?;
        let meta = model.meta(tensor);
        let size = meta.dtype.size();
        let bytes = &model.content(tensor)[element * size..(element + 1) * size];
        let mut value = [0.0];
        read_f64(meta.dtype, bytes, &mut value);
        Some(Self { tensor: meta.name.clone(), element: element as u64, value: value[0] })
    }
}

impl fmt::Display for BadElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, element, value } = self;
        write!(f, "element {element} of tensor `{tensor}` is ")?;
        if value.is_nan() {
            f.write_str("NaN; honest nodes contribute finite numbers only")
        } else if value.is_infinite() {
            let sign = if *value < 0.0 { "-" } else { "" };
            write!(f, "{sign}infinity; honest nodes contribute finite numbers only (a mask can ")?;
            f.write_str("hold the lowest finite number)")
        } else {
            write!(f, "{value:e}; honest nodes contribute numbers up to {:e}", f32::MAX)
        }
    }
}

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

/// Integers are not averaged unless a rule says how: without one they must be the same in the base
/// and in all honest models.
fn check_integers(
    config: &Config,
    task: &Task,
    honest: &(dyn Fn(usize) -> bool + Sync),
) -> Result<(), SimError> {
    if config.buffers() != Buffers::Error {
        return Ok(());
    }
    let base = task.base().zip(task.base_file());
    let brought = task.brought().enumerate().filter(|(node, _)| honest(*node));
    let mut models = base.into_iter().chain(brought.map(|(_, it)| (&it.model, it.file.as_path())));
    let Some((first, first_file)) = models.next() else { return Ok(()) };
    for (model, file) in models {
        let pairs = first.manifest.tensors().iter().zip(model.manifest.tensors());
        for (ours, theirs) in pairs {
            if !ours.dtype.is_float() && ours.content != theirs.content {
                return Err(SimError::Integers {
                    tensor: ours.name.clone(),
                    first: first_file.to_owned(),
                    second: file.to_owned(),
                    base: base.is_some(),
                });
            }
        }
    }
    Ok(())
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
        format!(
            "{} hold the same model: together they count as one contribution, unless so many are \
             copies that copies are nothing unusual",
            some_of(&names)
        )
    };
    equal.into_iter().map(note).collect()
}

/// Names for a sentence; long lists are cut.
pub(crate) fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>();
    match (names.len().saturating_sub(NAMES), shown.split_last()) {
        (0, Some((last, []))) => (*last).to_owned(),
        (0, Some((last, rest))) => format!("{} and {last}", rest.join(", ")),
        (more, _) => format!("{} and {more} more", shown.join(", ")),
    }
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

    #[test]
    fn lists_are_cut_and_joined() {
        let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(some_of(&names(1)), "0");
        assert_eq!(some_of(&names(2)), "0 and 1");
        assert_eq!(some_of(&names(3)), "0, 1 and 2");
        assert_eq!(some_of(&names(10)), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
    }
}
