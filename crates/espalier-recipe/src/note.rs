//! What a recipe says to no effect.

use core::{cell::RefCell, fmt};

use espalier_resolve::{methods, methods::MethodInfo};

use crate::error::{RecipePlace, clip};

/// A parameter that belongs to other methods, or a key that says nothing about the merge. Published
/// recipes carry them along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeNote {
    /// Where it stands first.
    pub place: RecipePlace,
    /// Its name.
    pub name: String,
    /// The method that it has no effect on.
    pub method: &'static str,
}

impl fmt::Display for RecipeNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no effect on `{}`", self.place, self.method)
    }
}

/// What a recipe is read by: its method, and what turned out to have no effect.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) method: &'static MethodInfo,
    notes: RefCell<Vec<RecipeNote>>,
}

/// It saves the common tool memory, and means nothing here: sums are exact either way.
const INT8_MASK: &str = "int8_mask";

impl Reading {
    pub(crate) fn by(method: &'static MethodInfo) -> Self {
        Self { method, notes: RefCell::default() }
    }

    /// Whether a parameter is one of other methods only.
    pub(crate) fn is_of_others(&self, name: &str) -> bool {
        let of = |method: &MethodInfo| {
            method.per_input.iter().chain(method.shared).any(|parameter| parameter.name == name)
        };
        !of(self.method) && (name == INT8_MASK || methods().any(of))
    }

    /// Takes down that this has no effect, once for each name.
    pub(crate) fn note(&self, name: &str, place: RecipePlace) {
        let mut notes = self.notes.borrow_mut();
        let name = clip(name);
        if notes.iter().all(|note| note.name != name) {
            notes.push(RecipeNote { place, name, method: self.method.name });
        }
    }

    pub(crate) fn take_notes(&self) -> Vec<RecipeNote> {
        self.notes.take()
    }
}
