//! Text from strangers: a recipe or an error, soon.

use crate::models::model;
use espalier_recipe::{MissingTensors, Recipe};
use proptest::prelude::*;

const GOOD: &str = "
merge_method: ties
base_model: &x x+y
slices:
  - sources:
      - {model: *x, layer_range: [0, 2]}
      - model: {model: a, lora: b}
        layer_range: [1, 3]
        parameters:
          density: [0.1, 1]
          weight: [{filter: mlp, value: [0, 1]}, {value: '3e-1'}]
    parameters: {lambda: 0.5}
parameters: {normalize: \"false\", int8_mask: true}
dtype: bfloat16
out_dtype: float32
tokenizer_source: base
";

/// Whatever comes out can be used without harm.
fn use_all(text: &str) {
    if let Ok(recipe) = Recipe::from_yaml(text) {
        let _ = recipe.hash();
        let models = vec![model(3); recipe.models().len()];
        for missing in [MissingTensors::Error, MissingTensors::Intersection, MissingTensors::Base] {
            let _ = recipe.plan(&models, missing);
        }
    }
}

#[test]
fn the_sample_is_good() {
    let recipe = Recipe::from_yaml(GOOD).expect("valid");
    recipe.plan(&[model(3), model(3)], MissingTensors::Error).expect("fits");
}

proptest! {
    #[test]
    fn damaged_recipes(
        cut in 0..GOOD.len(),
        with in "[-\\[\\]{}:,&*!'\"a0. \n]{0,6}",
        len in 0..9usize,
    ) {
        let end = (cut + len).min(GOOD.len());
        use_all(&format!("{}{with}{}", &GOOD[..cut], &GOOD[end..]));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        use_all(&String::from_utf8_lossy(&bytes));
    }
}
