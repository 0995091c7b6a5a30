//! Methods with several parameters or a common formula.

use super::{
    by_magnitude::{Largest, Middle},
    deltas::{All, Deltas, Sparsify},
    factors::Combined,
    formula::AnyFormula,
    groups::Vectors,
    info::{ANY, Base, DENSITY, LAMBDA, MANY, MethodInfo, NORMALIZE, PART, method, parameter},
    interpolation::{Nuslerp, Slerp},
    means::Karcher,
    multislerp::Multislerp,
    nearswap::Nearswap,
    random::{Random, RandomByRank},
    rescale::Matched,
    sce::Sce,
    stock::ModelStock,
    sums::{Passthrough, WeightAverage},
};
use crate::parameters::{ParameterInfo, ParameterRange, Values};

const WEIGHT: ParameterInfo = parameter("weight", "", ANY, "the input's weight");
const SUM: ParameterInfo =
    parameter("normalize", "false", ParameterRange::FLAG, "divide by the sum of the weights");
pub(crate) const RESCALE: ParameterInfo = parameter(
    "rescale",
    "false",
    ParameterRange::FLAG,
    "scale what is kept so that its magnitudes sum up to what they were",
);
pub(crate) const UNBIASED: ParameterInfo = parameter(
    "rescale",
    "true",
    ParameterRange::Choice(&["false", "true", "l1"]),
    "`true`: divide what is kept by its chance of being kept; `l1`: scale it so that its \
     magnitudes sum up to what they were",
);
/// Recipes for other methods of the family have them; nothing is dropped.
const NO_DENSITY: ParameterInfo =
    parameter("density", "1", PART, "accepted without effect: all elements are kept");
const NO_RESCALE: ParameterInfo = parameter(
    "rescale",
    "false",
    ParameterRange::FLAG,
    "accepted without effect: all elements are kept",
);
pub(crate) const GAMMA: ParameterInfo =
    parameter("gamma", "0.01", PART, "the share of the largest elements that is dropped");
pub(crate) const EPSILON: ParameterInfo = parameter(
    "epsilon",
    "0.15",
    PART,
    "how far the chance of being kept is from the density, at most",
);

/// The same for a method that depends on a seed.
const fn random(info: MethodInfo) -> MethodInfo {
    MethodInfo { uses_randomness: true, ..info }
}

/// A method of the family of [`Deltas`].
fn deltas<S: Sparsify>(values: &Values, sparsify: S, elect: bool) -> Box<dyn AnyFormula> {
    let (normalize, lambda) = (values.flag("normalize"), values.number("lambda"));
    Box::new(Deltas { sparsify, elect, normalize, lambda })
}

/// One whose choice is sure.
fn chosen<S: Sparsify>(values: &Values, inner: S, elect: bool) -> Box<dyn AnyFormula> {
    deltas(values, Matched { inner, on: values.flag("rescale") }, elect)
}

/// One that chooses at random.
fn by_chance<S: Sparsify>(
    values: &Values,
    inner: fn(bool) -> S,
    elect: bool,
) -> Box<dyn AnyFormula> {
    let on = values.word("rescale") == "l1";
    deltas(values, Matched { inner: inner(values.flag("rescale")), on }, elect)
}

pub(crate) static WEIGHT_AVERAGE: MethodInfo = method(
    ("weight-average", &["linear", "model-soup"]),
    "Σ w x / Σ w",
    "Wortsman et al., Model soups, ICML 2022, arXiv 2203.05482",
    (&[NORMALIZE], &[WEIGHT]),
    Base::Input,
    MANY,
    |values| Box::new(WeightAverage { normalize: values.flag("normalize") }),
);

pub(crate) static TASK_ARITHMETIC: MethodInfo = method(
    ("task-arithmetic", &["task_arithmetic"]),
    "b + λ Σ w (x − b)",
    "Ilharco et al., Editing models with task arithmetic, ICLR 2023, arXiv 2212.04089",
    (&[LAMBDA, SUM, NO_RESCALE], &[WEIGHT, NO_DENSITY]),
    Base::Required,
    MANY,
    |values| deltas(values, All, false),
);

pub(crate) static TIES: MethodInfo = method(
    ("ties", &["ties-merging"]),
    "keep the largest differences, elect a sign, average those that agree",
    "Yadav et al., TIES-merging, NeurIPS 2023, arXiv 2306.01708",
    (&[LAMBDA, NORMALIZE, RESCALE], &[WEIGHT, DENSITY]),
    Base::Required,
    MANY,
    |values| chosen(values, Largest, true),
);

pub(crate) static PASSTHROUGH: MethodInfo = method(
    ("passthrough", &[]),
    "one input as it is, or times `scale`",
    "",
    (&[], &[parameter("scale", "1", ANY, "the factor")]),
    Base::Input,
    (1, 1),
    |_| Box::new(Passthrough),
);

pub(crate) static SLERP: MethodInfo = method(
    ("slerp", &[]),
    "the point at t on the great circle from the first input to the second",
    "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985",
    (&[parameter("t", "", ANY, "0 is the first input, 1 the second")], &[]),
    Base::First,
    (2, 2),
    |values| Box::new(Combined(Slerp { t: values.number("t") })),
);

pub(crate) static NUSLERP: MethodInfo = method(
    ("nuslerp", &[]),
    "spherical interpolation of two inputs by their weights, rows or tensors as vectors",
    "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985",
    (
        &[
            parameter(
                "nuslerp_flatten",
                "true",
                ParameterRange::FLAG,
                "take the tensor as one vector",
            ),
            parameter(
                "nuslerp_row_wise",
                "false",
                ParameterRange::FLAG,
                "without `nuslerp_flatten`: take rows as vectors and not columns",
            ),
        ],
        &[WEIGHT],
    ),
    Base::Optional,
    (2, 2),
    |values| {
        let vectors = match (values.flag("nuslerp_flatten"), values.flag("nuslerp_row_wise")) {
            (true, _) => Vectors::Whole,
            (false, false) => Vectors::AlongLast,
            (false, true) => Vectors::AlongFirst,
        };
        Box::new(Nuslerp { vectors })
    },
);

pub(crate) static MULTISLERP: MethodInfo = method(
    ("multislerp", &[]),
    "the mean in the tangent space at the normalised mean, back on the sphere",
    "Buss and Fillmore, Spherical averages, ACM Transactions on Graphics 2001",
    (
        &[
            parameter(
                "normalize_weights",
                "true",
                ParameterRange::FLAG,
                "divide by the sum of the weights",
            ),
            parameter("eps", "1e-8", ParameterRange::SHARE, "what counts as zero"),
        ],
        &[WEIGHT],
    ),
    Base::Optional,
    MANY,
    |values| {
        let (normalize, eps) = (values.flag("normalize_weights"), values.number("eps"));
        Box::new(Multislerp { normalize, eps })
    },
);

pub(crate) static KARCHER: MethodInfo = method(
    ("karcher", &[]),
    "the Riemannian mean of directions, scaled by the mean norm",
    "Karcher, Riemannian center of mass and mollifier smoothing, 1977",
    (
        &[
            parameter(
                "max_iter",
                "10",
                ParameterRange::Whole { min: 0, max: 1000 },
                "the largest number of steps",
            ),
            parameter("tol", "1e-5", ParameterRange::SHARE, "the step that ends the iteration"),
        ],
        &[],
    ),
    Base::Input,
    MANY,
    |values| {
        let steps = values.number("max_iter") as usize;
        Box::new(Combined(Karcher { steps, tolerance: values.number("tol") }))
    },
);

pub(crate) static MODEL_STOCK: MethodInfo = method(
    ("model-stock", &["model_stock"]),
    "t · mean + (1 − t) · b with t = N cos θ / (1 + (N − 1) cos θ)",
    "Jang et al., Model Stock, ECCV 2024, arXiv 2403.19522",
    (
        &[parameter(
            "filter_wise",
            "false",
            ParameterRange::FLAG,
            "take each row as a vector and not the tensor",
        )],
        &[],
    ),
    Base::Required,
    (2, usize::MAX),
    |values| {
        let vectors = match values.flag("filter_wise") {
            true => Vectors::AlongLast,
            false => Vectors::Whole,
        };
        Box::new(ModelStock { vectors })
    },
);

pub(crate) static DARE_LINEAR: MethodInfo = random(method(
    ("dare-linear", &["dare_linear", "dare"]),
    "drop elements of differences at random, scale the others up, add them with weights",
    "Yu et al., Language models are super Mario, ICML 2024, arXiv 2311.03099",
    (&[LAMBDA, SUM, UNBIASED], &[WEIGHT, DENSITY]),
    Base::Required,
    MANY,
    |values| by_chance(values, |rescale| Random { rescale }, false),
));

pub(crate) static DARE_TIES: MethodInfo = random(method(
    ("dare-ties", &["dare_ties"]),
    "as `dare-linear`, with the sign election of `ties`",
    "Yu et al., Language models are super Mario, ICML 2024, arXiv 2311.03099",
    (&[LAMBDA, SUM, UNBIASED], &[WEIGHT, DENSITY]),
    Base::Required,
    MANY,
    |values| by_chance(values, |rescale| Random { rescale }, true),
));

pub(crate) static BREADCRUMBS: MethodInfo = method(
    ("breadcrumbs", &[]),
    "drop the largest and the smallest elements of each difference, add the rest",
    "Davari and Belilovsky, Model breadcrumbs, ECCV 2024, arXiv 2312.06795",
    (&[LAMBDA, SUM, RESCALE], &[WEIGHT, DENSITY, GAMMA]),
    Base::Required,
    MANY,
    |values| chosen(values, Middle, false),
);

pub(crate) static BREADCRUMBS_TIES: MethodInfo = method(
    ("breadcrumbs-ties", &["breadcrumbs_ties"]),
    "as `breadcrumbs`, with the sign election of `ties`",
    "Davari and Belilovsky, Model breadcrumbs, ECCV 2024, arXiv 2312.06795",
    (&[LAMBDA, SUM, RESCALE], &[WEIGHT, DENSITY, GAMMA]),
    Base::Required,
    MANY,
    |values| chosen(values, Middle, true),
);

pub(crate) static DELLA: MethodInfo = random(method(
    ("della", &[]),
    "as `dare-ties`, with chances that grow with the magnitude in its row",
    "Deep et al., DELLA-Merging, arXiv 2406.11617",
    (&[LAMBDA, NORMALIZE, UNBIASED], &[WEIGHT, DENSITY, EPSILON]),
    Base::Required,
    MANY,
    |values| by_chance(values, |rescale| RandomByRank { rescale }, true),
));

pub(crate) static DELLA_LINEAR: MethodInfo = random(method(
    ("della-linear", &["della_linear"]),
    "as `della`, without the sign election",
    "Deep et al., DELLA-Merging, arXiv 2406.11617",
    (&[LAMBDA, SUM, UNBIASED], &[WEIGHT, DENSITY, EPSILON]),
    Base::Required,
    MANY,
    |values| by_chance(values, |rescale| RandomByRank { rescale }, false),
));

pub(crate) static SCE: MethodInfo = method(
    ("sce", &[]),
    "keep elements of great variance, weigh inputs by their energy, drop minority signs",
    "Wan et al., FuseChat, arXiv 2408.07990",
    (&[parameter("select_topk", "1", PART, "the share of elements that is kept")], &[]),
    Base::Required,
    MANY,
    |values| Box::new(Sce { share: values.number("select_topk") }),
);

pub(crate) static NEARSWAP: MethodInfo = method(
    ("nearswap", &[]),
    "w x + (1 − w) b with w = t / |b − x|, at most 1",
    "alchemonaut, QuartetAnemoi-70B, 2024",
    (&[parameter("t", "", ANY, "how far an element moves towards the input, at most")], &[]),
    Base::Required,
    (1, 1),
    |values| Box::new(Nearswap { t: values.number("t") }),
);
