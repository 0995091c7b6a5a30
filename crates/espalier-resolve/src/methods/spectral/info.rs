//! What these methods are called and which parameters they have.

use super::{IsoC, IsoCts, Knots, Spectral, Star, TsvM, Whole};
use crate::{
    methods::{
        formula::AnyFormula,
        info::{ANY, Base, DENSITY, LAMBDA, MANY, MethodInfo, NORMALIZE, PART, method, parameter},
    },
    parameters::{ParameterInfo, Values},
};

const WEIGHT: ParameterInfo = parameter("weight", "1", ANY, "the input's weight");
const KEPT: ParameterInfo = ParameterInfo { default: "0.2", ..DENSITY };
pub(crate) const COMMON: ParameterInfo = parameter(
    "common_space_fraction",
    "0.8",
    PART,
    "the share of directions that all inputs have in common",
);
pub(crate) const ETA: ParameterInfo =
    parameter("eta", "0.4", PART, "the share of the sum of singular values that is kept");

pub(crate) static ISO_C: MethodInfo = matrices(
    ("iso-c", &["iso_c"]),
    "b + λ s̄ U Vᵀ with Σ w (x − b) = U S Vᵀ and s̄ the mean of S",
    "Marczak et al., No Task Left Behind, ICML 2025, arXiv 2502.04959",
    (&[LAMBDA], &[WEIGHT]),
    |values| whole(values, IsoC),
);

pub(crate) static ISO_CTS: MethodInfo = matrices(
    ("iso-cts", &["iso_cts"]),
    "as `iso-c`, with the least of the common directions replaced by each input's own",
    "Marczak et al., No Task Left Behind, ICML 2025, arXiv 2502.04959",
    (&[LAMBDA, COMMON], &[WEIGHT]),
    |values| whole(values, IsoCts { common: values.number("common_space_fraction") }),
);

pub(crate) static TSV_M: MethodInfo = matrices(
    ("tsv-m", &["tsv_m", "tsv"]),
    "the largest singular vectors of each difference, made orthogonal to those of the others",
    "Gargiulo et al., Task Singular Vectors, CVPR 2025, arXiv 2412.00081",
    (&[LAMBDA], &[WEIGHT]),
    |values| whole(values, TsvM),
);

pub(crate) static STAR: MethodInfo = matrices(
    ("star", &[]),
    "the mean of differences without their small singular values, scaled up to the same sum",
    "Lee et al., Spectral Truncation And Rescale, NAACL 2025, arXiv 2502.10339",
    (&[LAMBDA, ETA], &[WEIGHT]),
    |values| whole(values, Star { eta: values.number("eta") }),
);

pub(crate) static KNOTS: MethodInfo = matrices(
    ("knots", &["knots_ties", "knots-ties"]),
    "`ties` of the right singular vectors of all differences side by side",
    "Stoica et al., Model merging with SVD to tie the knots, ICLR 2025, arXiv 2410.19735",
    (&[LAMBDA, NORMALIZE], &[WEIGHT, KEPT]),
    |values| whole(values, Knots { normalize: values.flag("normalize") }),
);

const fn matrices(
    names: (&'static str, &'static [&'static str]),
    summary: &'static str,
    source: &'static str,
    parameters: (&'static [ParameterInfo], &'static [ParameterInfo]),
    build: fn(&Values) -> Box<dyn AnyFormula>,
) -> MethodInfo {
    method(names, summary, source, parameters, Base::Required, MANY, build)
}

fn whole<S: Spectral>(values: &Values, method: S) -> Box<dyn AnyFormula> {
    Box::new(Whole { method, lambda: values.number("lambda") })
}
