//! Formulas that are written twice, for recipes and for policies, agree up to rounding.

use espalier_identity::Digest;
use espalier_tensor::{Model, random::Stream};
use proptest::prelude::*;

use super::{Strategy, *};
use crate::{
    list::registry,
    methods::{self, MethodInfo},
    parameters::{ParameterInfo, ParameterRange},
    policies::canonical_order,
    strategies::bridge::bridge,
};

/// A number that any method may need.
const fn number(name: &'static str, default: &'static str) -> ParameterInfo {
    let range = ParameterRange::FACTOR;
    ParameterInfo { name, default, range, help: "" }
}

const FLAG: ParameterInfo =
    ParameterInfo { name: "normalize", default: "true", range: ParameterRange::FLAG, help: "" };

/// The formula of a recipe's method as a strategy, whatever the policies' own is.
const fn recipe(
    method: &'static MethodInfo,
    parameters: &'static [ParameterInfo],
    build: fn(&Values) -> Arc<dyn AnyStrategy>,
) -> StrategyInfo {
    StrategyInfo {
        name: method.name,
        aliases: &[],
        summary: "",
        source: "",
        parameters,
        needs_base: false,
        uses_randomness: false,
        uses_weights: true,
        passes: 1,
        build,
    }
}

static AVERAGE: StrategyInfo =
    recipe(&methods::WEIGHT_AVERAGE, &[FLAG], |values| bridge(&methods::WEIGHT_AVERAGE, values));
static ARITHMETIC: StrategyInfo =
    recipe(&methods::TASK_ARITHMETIC, &[number("lambda", "1"), FLAG], |values| {
        bridge(&methods::TASK_ARITHMETIC, values)
    });
static TIES: StrategyInfo =
    recipe(&methods::TIES, &[number("lambda", "1"), number("density", "1"), FLAG], |values| {
        bridge(&methods::TIES, values)
    });
static DARE: StrategyInfo = recipe(
    &methods::DARE_LINEAR,
    &[number("lambda", "1"), number("density", "1"), FLAG],
    |values| bridge(&methods::DARE_LINEAR, values),
);
static SLERP: StrategyInfo =
    recipe(&methods::SLERP, &[number("t", "0.5")], |values| bridge(&methods::SLERP, values));

const ELEMENTS: usize = 2500;

fn model(seed: u64) -> Model {
    let mut values = vec![0.0; ELEMENTS];
    Stream::new(Digest::of_content(&seed.to_le_bytes())).fill_normal(0, &mut values);
    Model::from_f32(&[("w", &[50, 50], &values)]).expect("a model")
}

/// Scaled to the length 50.
fn on_the_sphere(model: &Model) -> Model {
    let values = model.values_f32("w").expect("present");
    let squares: f64 = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    let factor = 50.0 / squares.sqrt();
    let values: Vec<f32> = values.iter().map(|v| (f64::from(*v) * factor) as f32).collect();
    Model::from_f32(&[("w", &[50, 50], &values)]).expect("a model")
}

fn merged(strategy: &Strategy, models: &[Model], weights: &[f64], base: &Model) -> Vec<f32> {
    let input = |(model, &weight): (&Model, &f64)| (model.root(), weight, model.clone());
    let held: Vec<_> = models.iter().zip(weights).map(input).collect();
    let mut inputs: Vec<_> =
        held.iter().map(|(id, weight, model)| Input { id: *id, weight: *weight, model }).collect();
    canonical_order(&mut inputs);
    let seed = Digest::of_content(b"seed");
    let plan = strategy.prepare(&inputs, Some(base), seed, &SelectionCache::new());
    plan.expect("fits").model().expect("finite").values_f32("w").expect("present")
}

/// How far apart they may be: what rounding does to some sums of numbers of this size.
fn assert_near(a: &[f32], b: &[f32], what: &str) {
    let size = b.iter().fold(1.0_f32, |size, value| size.max(value.abs()));
    for (place, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= 4e-6 * size, "{what} at {place}: {a} and {b}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn recipes_and_policies_agree(
        seed in 0..1000_u64,
        weights in prop::collection::vec(0.1_f64..10.0, 1..6),
        density in 0.05_f64..1.0,
        lambda in -2.0_f64..2.0,
        normalize: bool,
    ) {
        let base = model(seed);
        let count = weights.len() as u64;
        let models: Vec<Model> = (1..=count).map(|i| model(seed + 1000 * i)).collect();
        let (density, lambda) = (density.to_string(), lambda.to_string());
        let normalize = normalize.to_string();
        let all: [(&str, &str); 3] =
            [("density", &density), ("lambda", &lambda), ("normalize", &normalize)];
        for (name, recipe, names) in [
            ("weight-average", &AVERAGE, &[][..]),
            ("task-arithmetic", &ARITHMETIC, &["lambda", "normalize"]),
            // Policies always divide.
            ("ties", &TIES, &["density", "lambda"]),
            ("dare-linear", &DARE, &["density", "lambda", "normalize"]),
        ] {
            let given = all.into_iter().filter(|(name, _)| names.contains(name));
            let given: BTreeMap<String, String> =
                given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let policy = Strategy::new(name, &given).expect("a strategy");
            let recipe = Strategy::of(recipe, &given).expect("a method");
            let [a, b] = [policy, recipe].map(|s| merged(&s, &models, &weights, &base));
            assert_near(&a, &b, &format!("{name} {given:?}"));
        }
    }

    /// Of two inputs of one length the spherical mean is the interpolation of recipes.
    #[test]
    fn slerp_of_two_equal_lengths(
        seed in 0..1000_u64,
        weights in prop::array::uniform2(0.1_f64..10.0),
    ) {
        let models = [on_the_sphere(&model(seed)), on_the_sphere(&model(seed + 1000))];
        let mut order = [0, 1];
        order.sort_by_key(|&i: &usize| models[i].root());
        let t = weights[order[1]] / (weights[0] + weights[1]);
        let policy = Strategy::new("slerp", &BTreeMap::new()).expect("a strategy");
        let recipe = Strategy::of(&SLERP, &[("t".to_owned(), t.to_string())].into());
        let [a, b] = [policy, recipe.expect("a method")]
            .map(|strategy| merged(&strategy, &models, &weights, &models[0]));
        assert_near(&a, &b, "slerp");
    }
}

/// What recipes allow is what policies allow, or more: their checks never fail later.
#[test]
fn parameters_at_the_ends_of_their_ranges_are_built() {
    let models = [model(1), model(2)];
    for info in registry() {
        for parameter in info.parameters {
            let ends = match parameter.range {
                ParameterRange::Number { min, above, max } => {
                    vec![if above { 1e-3 } else { min }.to_string(), max.to_string()]
                }
                ParameterRange::Whole { min, max } => vec![min.to_string(), max.to_string()],
                ParameterRange::Choice(words) => words.iter().map(|w| (*w).into()).collect(),
                _ => continue,
            };
            for end in ends {
                let given = [(parameter.name.to_owned(), end)].into();
                let strategy = Strategy::new(info.name, &given).expect("in the range");
                let inputs = [Input { id: models[0].root(), weight: 1.0, model: &models[0] }];
                let cache = SelectionCache::new();
                let plan = strategy.prepare(&inputs, Some(&models[1]), Digest::ZERO, &cache);
                plan.expect("fits")
                    .hash()
                    .map(drop)
                    .or_else(|error| match error {
                        // f64::MAX is a number, too.
                        ResolveError::Overflow { .. } => Ok(()),
                        error => Err(error),
                    })
                    .expect("finite");
            }
        }
    }
}
