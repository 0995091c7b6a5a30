//! Recipes of parts, as a command line has them.

use crate::models::{inputs, model, of_type, step};
use espalier_recipe::methods::Working;
use espalier_recipe::{MissingTensors, Recipe, RecipeError};
use espalier_tensor::Dtype;

fn flags(
    (method, base): (&str, Option<&str>),
    models: &[&str],
    weights: &[f64],
    parameters: &[(&str, &str)],
    dtypes: [Option<&str>; 2],
) -> Result<Recipe, RecipeError> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let parameters = parameters.iter().map(own).collect();
    Recipe::from_parts(method, base, models, weights, &parameters, dtypes[0], dtypes[1])
}

#[test]
fn weights_are_one_and_arithmetic_is_precise() {
    let ties = ("ties", Some("x"));
    let recipe = flags(ties, &["a", "b"], &[], &[("density", "5e-1")], [None; 2]).expect("valid");
    let [a, b, x] = [Dtype::F32, Dtype::F32, Dtype::Bf16].map(|dtype| of_type(model(1), dtype));
    let plan = recipe.plan(&[a, b, x], MissingTensors::Error).expect("fits");
    let expected = [
        "a:model.norm density=0.5 weight=1",
        "b:model.norm density=0.5 weight=1",
        "- x:model.norm",
    ];
    assert_eq!(inputs(&plan, "norm"), expected);
    let norm = step(&plan, "norm");
    // The output has the base's type.
    assert_eq!((norm.work, norm.out), (Working::F32, Dtype::Bf16));
    assert_eq!(plan.base, Some(2));
}

#[test]
fn weights_and_types_may_be_given() {
    let linear = ("linear", None);
    let dtypes = [Some("f64"), Some("f16")];
    let recipe = flags(linear, &["a", "b+c"], &[0.25, -2.0], &[], dtypes).expect("valid");
    let plan = recipe.plan(&[model(1), model(1)], MissingTensors::Error).expect("fits");
    assert_eq!(inputs(&plan, "norm"), ["a:model.norm weight=0.25", "b:model.norm weight=-2"]);
    assert_eq!(plan.models[1].adapter.as_deref(), Some("c"));
    let norm = step(&plan, "norm");
    assert_eq!((norm.work, norm.out), (Working::F64, Dtype::F16));
}

#[test]
fn slerp_is_between_the_base_and_the_other_or_between_two() {
    let slerp = |base, models: &[&str]| {
        let recipe = flags(("slerp", base), models, &[], &[("t", "0.3")], [None; 2]);
        let plan = recipe.expect("valid").plan(&[model(1), model(1)], MissingTensors::Error);
        let plan = plan.expect("fits");
        assert_eq!(step(&plan, "norm").shared["t"], "0.3");
        inputs(&plan, "norm")
    };
    assert_eq!(slerp(Some("x"), &["a"]), ["x:model.norm", "a:model.norm"]);
    assert_eq!(slerp(None, &["a", "b"]), ["a:model.norm", "b:model.norm"]);
}

#[test]
fn refusals_name_the_key() {
    let none: [Option<&str>; 2] = [None; 2];
    let linear = ("linear", None);
    for (result, wanted) in [
        (
            flags(("tise", None), &["a"], &[], &[], none),
            "`merge_method`: there is no strategy `tise` (did you mean `ties`?)",
        ),
        (
            flags(linear, &["a", "b"], &[1.0], &[], none),
            "the number of weights is 1, but the number of models is 2",
        ),
        (flags(linear, &["a"], &[f64::NAN], &[], none), "`weight` is `NaN`, but must be a number"),
        (
            flags(("slerp", None), &["a"], &[1.0], &[("t", "1")], none),
            "`weight`: `slerp` has no parameter `weight`; it has: t",
        ),
        (
            flags(linear, &["a"], &[], &[("normalize", "maybe")], none),
            "`parameters.normalize` is `maybe`, but must be one of false, true",
        ),
        (
            flags(linear, &["a"], &[], &[], [Some("i8"), None]),
            "`dtype` is `i8`, but must be one of float64, float32, float16, bfloat16",
        ),
        (flags(linear, &["a", "a"], &[], &[], none), "`models[1]`: a is listed twice"),
        (
            flags(linear, &[], &[], &[], none),
            "`models`: `weight-average` merges one model or more, not 0",
        ),
        (
            flags(("ties", None), &["a"], &[], &[], none),
            "`ties` merges differences from a base model, but none is given",
        ),
    ] {
        assert_eq!(result.expect_err(wanted).to_string(), wanted);
    }
}
