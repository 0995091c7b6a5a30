//! The bits of every strategy on seeded inputs. They are part of the specification: a change here
//! makes replicas of different versions disagree.

use espalier_tensor::{Dtype, Model};

use crate::{ALL, ROBUST, inputs, plan, seeded, strategy};

/// Of f32 and of bf16 inputs, in the order of the strategies.
const GOLDEN: [[&str; 2]; 8] = [
    ["a8d5e782", "e28f3a79"],
    ["ee52cb1a", "86105781"],
    ["fe4e33b7", "01a845f3"],
    ["0013d096", "6fb16244"],
    ["1c620393", "6341fab8"],
    ["9993a63f", "045c99dd"],
    ["ba22759d", "04dde896"],
    ["7de675fb", "8a6c6d11"],
];

/// The same of [`ROBUST`].
const GOLDEN_ROBUST: [[&str; 2]; 13] = [
    ["d5a181d8", "9b5d0d7e"],
    ["44a50194", "c166c5d6"],
    ["2d13aa55", "dc1f3f13"],
    ["aa053389", "eb5813e8"],
    ["a98f4a26", "1f2e7a22"],
    ["f25a3a8a", "60a05dc2"],
    ["1bb05de9", "f8219c9c"],
    ["b5c35c68", "d1a1b6d3"],
    ["313fa07a", "e4c1db4f"],
    ["5ac97af9", "52f31e9b"],
    ["cf594057", "76d5456d"],
    ["2558d7fb", "01d0c07f"],
    ["9e9ca795", "a67c887c"],
];

#[test]
fn merged_models_have_the_recorded_roots() {
    let sizes = [1000, 7, 5000];
    let root = |dtype: Dtype, (name, pairs): (&str, &[(&str, &str)])| {
        let base = seeded(0, dtype, &sizes);
        let models: Vec<Model> = (1..6).map(|seed| seeded(seed, dtype, &sizes)).collect();
        let built = strategy(name, pairs);
        let inputs = inputs(&models, &[1.0, 0.5, 0.3, 2.0, 1.5]);
        plan(&built, &inputs, &base).hash().expect("finite").root().short()
    };
    let both = |case| [root(Dtype::F32, case), root(Dtype::Bf16, case)];
    assert_eq!(ALL.map(both), GOLDEN, "if this change is meant, record these roots");
    assert_eq!(ROBUST.map(both), GOLDEN_ROBUST, "if this change is meant, record these roots");
}
