//! What is refused, and in which words.

use espalier_identity::Digest;
use espalier_resolve::{Input, ResolveError, SelectionCache, Strategy, registry};
use espalier_tensor::{Dtype, Model};

use crate::{inputs, parameters, seeded, strategy};

fn refused(name: &str, pairs: &[(&str, &str)]) -> String {
    Strategy::new(name, &parameters(pairs)).expect_err("refused").to_string()
}

#[test]
fn strategies_and_parameters() {
    assert_eq!(
        refused("wieght-average", &[]),
        "there is no strategy `wieght-average` (did you mean `weight-average`?)"
    );
    assert_eq!(refused("xyz", &[]), "there is no strategy `xyz`");
    assert_eq!(
        refused("ties", &[("densty", "1")]),
        "`ties` has no parameter `densty` (did you mean `density`?); it has: density, lambda, \
         accumulate, dtype, buffers"
    );
    for value in ["0", "-1", "1.01", "nan", "inf", "", "half"] {
        assert_eq!(
            refused("ties", &[("density", value)]),
            format!(
                "`density = {value}` is not valid for `ties`; it must be a number above 0, at \
                 most 1"
            )
        );
    }
    for value in ["0.6", "1.5", "-1", "nan", "inf", "10000000"] {
        assert_eq!(
            refused("trimmed-mean", &[("f", value)]),
            format!(
                "`f = {value}` is not valid for `trimmed-mean`; it must be a share from 0 to \
                 0.5 or a whole number up to 1000000"
            )
        );
    }
    for value in ["", "nmn", "nnm+nnm", "none+nnm", "nnm+"] {
        assert_eq!(
            refused("krum", &[("pre", value)]),
            format!(
                "`pre = {value}` is not valid for `krum`; it must be `none` or some of nnm, \
                 bucketing, clipping, arc, each once, joined by `+`"
            )
        );
    }
    assert_eq!(
        refused("krum", &[("bucket", "2.5")]),
        "`bucket = 2.5` is not valid for `krum`; it must be a whole number from 1 to 1000"
    );
    assert_eq!(
        refused("centered-clipping", &[("tau", "0")]),
        "`tau = 0` is not valid for `centered-clipping`; it must be `auto` or a number above \
         0, at most 1e30"
    );
    assert_eq!(
        strategy("krum", &[("pre", " arc + nnm "), ("f", "3.0"), ("clip", "auto")]).parameters(),
        strategy("krum", &[("pre", "arc+nnm"), ("f", "3")]).parameters()
    );
    assert_eq!(
        refused("median", &[("accumulate", "f16")]),
        "`accumulate = f16` is not valid for `median`; it must be one of f32, f64"
    );
}

#[test]
fn the_registry_is_complete_and_consistent() {
    let mut names = Vec::new();
    for info in registry() {
        let built = strategy(info.name, &[]);
        assert_eq!((built.name(), built.passes()), (info.name, info.passes));
        assert_eq!(built.needs_base(), info.needs_base);
        assert_eq!(built.uses_randomness(), info.uses_randomness);
        names.push(info.name);
        for alias in info.aliases {
            assert_eq!(strategy(alias, &[]).name(), info.name);
            names.push(alias);
        }
        // Defaults are in canonical spelling: giving them back changes nothing.
        let again = Strategy::new(info.name, built.parameters()).expect("defaults are valid");
        assert_eq!(again, built);
        for parameter in info.parameters {
            assert_eq!(built.parameters()[parameter.name], parameter.default);
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "no two strategies answer to one name");
}

fn error(strategy: &Strategy, inputs: &[Input<'_>], base: Option<&Model>) -> ResolveError {
    match strategy.prepare(inputs, base, Digest::ZERO, &SelectionCache::new()) {
        Err(error) => error,
        Ok(_) => panic!("expected an error"),
    }
}

#[test]
fn inputs_that_do_not_fit() {
    let (average, ties) = (strategy("linear", &[]), strategy("ties", &[]));
    let models = [seeded(1, Dtype::F32, &[3]), seeded(2, Dtype::F32, &[4])];
    let two = inputs(&models, &[1.0, 1.0]);
    assert_eq!(error(&average, &[], None), ResolveError::Empty);
    let no_base = ResolveError::BaseRequired { strategy: "ties" };
    assert_eq!(error(&ties, &two[..1], None), no_base);
    let text = error(&average, &two, None).to_string();
    let (a, b) = (two[0].id, two[1].id);
    assert_eq!(
        text,
        format!(
            "contribution {b} (the second model) does not fit contribution {a} (the first): \
             tensor `t0` is f32 [3] in the first model and f32 [4] in the second"
        )
    );
    let text = error(&average, &two[1..], Some(&models[0])).to_string();
    assert!(text.contains("does not fit the base model"), "{text}");
    let half = [seeded(1, Dtype::F16, &[3])];
    let text = error(&average, &inputs(&half, &[1.0]), Some(&models[0])).to_string();
    assert!(text.contains("f32 [3] in the first model and f16 [3] in the second"), "{text}");
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e39] {
        let input = [Input { weight, ..two[0] }];
        assert!(matches!(error(&average, &input, None), ResolveError::Weight { .. }));
    }
}

#[test]
fn integers_are_the_same_or_refused() {
    let model = |byte: u8| {
        let tensors = vec![
            ("steps".to_owned(), Dtype::U8, vec![1], vec![byte]),
            ("w".to_owned(), Dtype::F32, vec![1], vec![0; 4]),
        ];
        Model::from_tensors(tensors).expect("model")
    };
    let models = [model(1), model(1), model(2)];
    let all = inputs(&models, &[1.0; 3]);
    let average = strategy("linear", &[]);
    let (a, c) = (all[0].id, all[2].id);
    assert_eq!(
        error(&average, &all, None).to_string(),
        format!(
            "tensor `steps` (u8) is not the same in all models: element 0 is 2 in contribution \
             {c} and 1 in contribution {a}; `buffers = mean` would average it and \
             `buffers = base` would take the base's"
        )
    );
    let text = error(&average, &all[..2], Some(&models[2])).to_string();
    assert!(text.contains(&format!("is 1 in contribution {a} and 2 in the base model")), "{text}");
    let base = strategy("linear", &[("buffers", "base")]);
    assert_eq!(error(&base, &all, None), ResolveError::BuffersFromBase);
    assert!(base.needs_base() && base.uses_base() && !average.uses_base());
    assert!(average.compares_integers() && !base.compares_integers());
    let plan = average
        .prepare(&all[..2], None, Digest::ZERO, &SelectionCache::new())
        .expect("equal integers");
    assert_eq!(plan.model().expect("finite"), models[0]);
    let mut value = [0.0];
    plan.block(0, 0, &mut value).expect("finite");
    assert_eq!(value, [1.0]);
}
