//! The checkers, one property each.

mod causality;
pub(crate) mod convergence;
mod disk;
mod evidence;
mod forms;
mod growth;
mod merged;
mod removal;
mod rest;
mod traffic;
mod views;

use super::look::Checker;

/// All of them, anew.
pub(crate) fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(growth::GrowOnly::default()),
        Box::new(causality::Causality::default()),
        Box::new(views::Views),
        Box::new(removal::NoResurrection::default()),
        Box::new(removal::OwnOnly),
        Box::new(evidence::Trust::default()),
        Box::new(merged::OneModel::default()),
        Box::new(traffic::Traffic::default()),
        Box::new(rest::Rest::default()),
        Box::new(disk::Durable::default()),
        Box::new(forms::RoundTrip::default()),
        Box::new(convergence::Convergence),
    ]
}
