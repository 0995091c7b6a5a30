//! Names round-trip, and wrong ones are told what would be right.

use espalier_topology::{EXAMPLES, FORMS, Order, Schedule, Topology};
use proptest::prelude::*;

#[test]
fn every_form_has_an_example_that_round_trips() {
    for (form, text) in FORMS.into_iter().zip(EXAMPLES) {
        assert_eq!(form.split(':').next(), text.split(':').next());
        assert_eq!(form.matches(':').count(), text.matches(':').count());
        let topology: Topology = text.parse().unwrap();
        assert_eq!(topology.to_string(), text);
        let json = serde_json::to_string(&topology).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), topology);
    }
    // A path has colons of its own.
    let path: Topology = "file:a:b.txt".parse().unwrap();
    assert_eq!(path.to_string(), "file:a:b.txt");
}

#[test]
fn errors_say_what_would_be_right() {
    let cases = [
        ("rnig", "did you mean `ring`?"),
        ("Star", "did you mean `star`?"),
        ("erdos:0.5", "did you mean `erdos-renyi:P`?"),
        ("watts-strogats:4:1", "did you mean `watts-strogatz:K:B`?"),
        ("zzzzzz", "the topologies are random, ring"),
        ("", "the topologies are random, ring"),
        ("ring:3", "write it as ring"),
        ("regular", "write it as regular:K"),
        ("regular:", "write it as regular:K"),
        ("regular:3:4", "write it as regular:K"),
        ("regular:0", "K is `0`, but must be a whole number of at least 1"),
        ("regular:+3", "whole number"),
        ("regular:-3", "whole number"),
        ("regular:99999999999999999999999", "whole number"),
        ("erdos-renyi:0", "P is `0`, but must be a probability above 0"),
        ("erdos-renyi:1.5", "at most 1"),
        ("erdos-renyi:NaN", "probability"),
        ("watts-strogatz:3:0.1", "K is `3`, but must be an even"),
        ("watts-strogatz:4:2", "B is `2`, but must be a probability from 0 to 1"),
        ("barabasi-albert:x", "M is `x`"),
        ("file:", "write it as file:PATH"),
    ];
    for (text, expected) in cases {
        let error = text.parse::<Topology>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!("Z".repeat(1 << 20).parse::<Topology>().unwrap_err().to_string().len() < 300);
}

#[test]
fn numbers_have_one_text() {
    assert_eq!(
        "watts-strogatz:4:-0".parse::<Topology>().unwrap().to_string(),
        "watts-strogatz:4:0"
    );
    assert_eq!("erdos-renyi:.5".parse::<Topology>(), "erdos-renyi:5e-1".parse());
}

#[test]
fn schedules_and_orders() {
    for schedule in [Schedule::Random, Schedule::Scheduled] {
        assert_eq!(schedule.to_string().parse::<Schedule>(), Ok(schedule));
        assert_eq!(serde_json::to_string(&schedule).unwrap(), format!("\"{schedule}\""));
    }
    for order in [Order::Sequential, Order::Synchronous] {
        assert_eq!(order.to_string().parse::<Order>(), Ok(order));
        assert_eq!(serde_json::to_string(&order).unwrap(), format!("\"{order}\""));
    }
    let error = "sync".parse::<Order>().unwrap_err().to_string();
    assert!(error.contains("sequential or synchronous"), "{error}");
}

proptest! {
    #[test]
    fn any_text_parses_or_fails_and_what_parses_round_trips(text in ".{0,40}") {
        if let Ok(topology) = text.parse::<Topology>() {
            prop_assert_eq!(topology.to_string().parse::<Topology>(), Ok(topology));
        }
    }

    #[test]
    fn any_probability_round_trips(p in 1e-300_f64..=1.0) {
        let topology = Topology::ErdosRenyi(p);
        prop_assert_eq!(topology.to_string().parse::<Topology>(), Ok(topology));
    }
}
