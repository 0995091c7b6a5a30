//! The checkers, one property each, in files of their names.

mod causality;
pub(crate) mod convergence;
mod durable;
mod grow_only;
mod no_resurrection;
mod one_model;
mod own_only;
mod rest;
mod round_trip;
mod traffic;
mod trust;
mod views;

use super::look::Checker;

/// All of them, anew.
pub(crate) fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(grow_only::GrowOnly::default()),
        Box::new(causality::Causality::default()),
        Box::new(views::Views),
        Box::new(no_resurrection::NoResurrection::default()),
        Box::new(own_only::OwnOnly),
        Box::new(trust::Trust::default()),
        Box::new(one_model::OneModel::default()),
        Box::new(traffic::Traffic::default()),
        Box::new(rest::Rest::default()),
        Box::new(durable::Durable::default()),
        Box::new(round_trip::RoundTrip::default()),
        Box::new(convergence::Convergence),
    ]
}

#[cfg(test)]
mod tests {
    use espalier_testkit::modules_in;
    use std::collections::BTreeSet;

    #[test]
    fn each_checker_has_a_file_of_its_name() {
        let names: BTreeSet<_> = super::all().iter().map(|c| c.name().replace('-', "_")).collect();
        assert_eq!(modules_in(concat!(env!("CARGO_MANIFEST_DIR"), "/src/swarm/checks")), names);
    }
}
