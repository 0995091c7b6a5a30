//! What recipes in YAML mean.

use crate::models::{
    inputs, model, names, of_type, plan, recipe, step, tensor, tensor_plan, try_plan, without,
};
use espalier_recipe::methods::Working;
use espalier_recipe::{
    IntegerTensors, MissingTensors, ModelRef, PlanChoices, PlanError, Recipe, TensorRef,
    TensorStep, VocabularyRule,
};
use espalier_tensor::Dtype;

const TWO: &str = "
merge_method: linear
models:
  - {model: a, parameters: {weight: 1}}
  - {model: b, parameters: {weight: 3e0}}
";

#[test]
fn every_tensor_is_merged_in_the_order_of_names() {
    let plan = plan(TWO, &[model(1), model(1)]);
    assert_eq!(
        names(&plan),
        [
            "lm_head.weight",
            "model.embed_tokens.weight",
            "model.layers.0.mlp.up.weight",
            "model.layers.0.self_attn.q.weight",
            "model.norm.weight",
        ]
    );
    assert_eq!(inputs(&plan, "norm"), ["a:model.norm weight=1", "b:model.norm weight=3"]);
    let norm = step(&plan, "norm");
    assert_eq!((norm.method, norm.work, norm.out), ("weight-average", Working::F32, Dtype::F32));
    assert_eq!(norm.shared["normalize"], "true");
    assert_eq!((plan.layers, plan.base), (None, None));
}

#[test]
fn a_gradient_runs_over_the_layers_and_the_first_filter_that_fits_wins() {
    let text = "
merge_method: linear
models:
  - model: a
    parameters:
      weight: [0, 1, 5]
  - model: b
    parameters:
      weight:
        - {filter: mlp, value: [1, 0]}
        - {filter: layers, value: '2'}
        - {filter: layers.1, value: 9}
parameters: {normalize: \"false\", weight: 7}
";
    let plan = plan(text, &[model(5), model(5)]);
    let weights = |part: &str| step(&plan, part).inputs.iter().map(weight).collect::<Vec<_>>();
    fn weight(input: &espalier_recipe::InputPlan) -> &str {
        &input.parameters["weight"]
    }
    let of = |i: usize| weights(&format!("layers.{i}.mlp"));
    assert_eq!([of(0), of(1), of(2)], [["0", "1"], ["0.5", "0.75"], ["1", "0.5"]]);
    assert_eq!([of(3), of(4)], [["3", "0.25"], ["5", "0"]]);
    assert_eq!(weights("layers.1.self_attn"), ["0.5", "2"]);
    // No filter fits: the top is asked. Tensors of no layer are at the beginning.
    assert_eq!(weights("lm_head"), ["0", "7"]);
    assert_eq!(step(&plan, "norm").shared["normalize"], "false");
}

#[test]
fn one_layer_is_at_the_end_of_a_gradient() {
    let text = "{merge_method: passthrough, models: [{model: a, parameters: {scale: [2, 4]}}]}";
    let plan = plan(text, &[model(1)]);
    assert_eq!(inputs(&plan, "mlp"), ["a:model.layers.0.mlp.up scale=4"]);
    assert_eq!(inputs(&plan, "embed"), ["a:model.embed_tokens scale=2"]);
}

#[test]
fn a_list_of_truth_values_has_steps() {
    let text = "{merge_method: linear, models: [{model: a}], \
                parameters: {weight: 1, normalize: [true, false]}}";
    let plan = plan(text, &[model(3)]);
    let normalize = |part: &str| step(&plan, part).shared["normalize"].as_str();
    assert_eq!(["0.mlp", "1.mlp", "2.mlp"].map(normalize), ["true", "true", "false"]);
    assert_eq!(normalize("lm_head"), "true");
}

#[test]
fn a_lone_condition_needs_no_list() {
    let text = "{merge_method: passthrough, \
                models: [{model: a, parameters: {scale: {filter: mlp, value: 3}}}]}";
    let plan = plan(text, &[model(1)]);
    assert_eq!(inputs(&plan, "mlp"), ["a:model.layers.0.mlp.up scale=3"]);
    assert_eq!(inputs(&plan, "norm"), ["a:model.norm scale=1"]);
}

const STACKED: &str = "
merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 2], parameters: {weight: [0.25, 0.75]}}
      - {model: b, layer_range: [1, 3]}
    parameters:
      weight: [{filter: layers.2, value: 5}, {value: 4}]
  - sources:
      - {model: c, layer_range: [1, 2], parameters: {weight: [8, 9]}}
parameters: {weight: 1, normalize: [{filter: layers.2, value: false}, {filter: '*', value: on}]}
";

#[test]
fn slices_stand_one_upon_another() {
    let plan = plan(STACKED, &[model(2), model(3), model(3)]);
    let layers = plan.layers.as_ref().expect("layers").iter();
    let layers = layers.map(|of| of.iter().map(|of| (of.model, of.layer)).collect::<Vec<_>>());
    assert_eq!(
        layers.collect::<Vec<_>>(),
        [vec![(0, 0), (1, 1)], vec![(0, 1), (1, 2)], vec![(2, 1)]]
    );
    assert_eq!(plan.tensors.len(), 2 * 3 + 3);
    // Filters of an input see its own name.
    let expected = ["a:model.layers.0.mlp.up weight=0.25", "b:model.layers.1.mlp.up weight=4"];
    assert_eq!(inputs(&plan, "layers.0.mlp"), expected);
    let expected = ["a:model.layers.1.mlp.up weight=0.75", "b:model.layers.2.mlp.up weight=5"];
    assert_eq!(inputs(&plan, "layers.1.mlp"), expected);
    assert_eq!(inputs(&plan, "layers.2.mlp"), ["c:model.layers.1.mlp.up weight=9"]);
    // Those of a shared parameter see the output's.
    let normalize = |i: usize| step(&plan, &format!("{i}.mlp")).shared["normalize"].as_str();
    assert_eq!([normalize(0), normalize(1), normalize(2)], ["true", "true", "false"]);
    // The first slice has the embedding, the last one norm and head.
    let expected = ["a:model.embed_tokens weight=0.25", "b:model.embed_tokens weight=4"];
    assert_eq!(inputs(&plan, "embed"), expected);
    assert_eq!(inputs(&plan, "norm"), ["c:model.norm weight=8"]);
    assert_eq!(inputs(&plan, "lm_head"), ["c:lm_head weight=8"]);
}

#[test]
fn modules_have_the_tensors_below_their_names() {
    let text = "
merge_method: linear
modules:
  vision:
    models: [{model: a, parameters: {weight: 2}}, {model: b}]
    parameters: {normalize: false}
  default:
    slices:
      - sources: [{model: a, layer_range: [1, 2]}, {model: b, layer_range: [0, 1]}]
parameters: {weight: 1}
";
    let mut models = [model(2), model(2)];
    for model in &mut models {
        model.extend((0..3).map(|i| tensor(&format!("vision.h.{i}.w"), Dtype::F32, &[2])));
        model.push(tensor("visionary.w", Dtype::F32, &[2]));
    }
    let plan = plan(text, &models);
    assert_eq!(inputs(&plan, "vision.h.2"), ["a:vision.h.2.w weight=2", "b:vision.h.2.w weight=1"]);
    assert_eq!(step(&plan, "vision.h.2").shared["normalize"], "false");
    assert_eq!(step(&plan, "visionary").shared["normalize"], "true");
    let up = ["a:model.layers.1.mlp.up weight=1", "b:model.layers.0.mlp.up weight=1"];
    assert_eq!(inputs(&plan, "mlp"), up);
    assert_eq!(plan.layers, None);
}

#[test]
fn the_base_is_last_or_apart_or_first() {
    let with = |method: &str, more: &str, models: &str| {
        let text = format!("{{merge_method: {method}, base_model: x, models: {models}, {more}}}");
        let listed = recipe(&text).models();
        let plan = plan(&text, &vec![model(1); listed.len()]);
        let strip = |text: String| text.split(":").next().unwrap_or_default().to_owned();
        inputs(&plan, "norm").into_iter().map(strip).collect::<Vec<_>>()
    };
    let weight = "parameters: {weight: 1}";
    let (both, other) = ("[{model: a}, {model: x}, {model: b}]", "[{model: a}, {model: b}]");
    assert_eq!(with("linear", weight, both), ["a", "x", "b"]);
    assert_eq!(with("linear", weight, other), ["a", "b", "x"]);
    assert_eq!(with("ties", weight, both), ["a", "b", "- x"]);
    assert_eq!(with("ties", weight, other), ["a", "b", "- x"]);
    assert_eq!(with("nuslerp", weight, other), ["a", "b", "- x"]);
    let t = "parameters: {t: 0.5}";
    assert_eq!(with("slerp", t, "[{model: a}, {model: x}]"), ["x", "a"]);
    assert_eq!(with("slerp", t, "[{model: a}]"), ["x", "a"]);
}

#[test]
fn a_base_that_no_slice_needs_is_none_of_its_inputs() {
    let text = "{merge_method: passthrough, base_model: x, tokenizer_source: base, \
                slices: [{sources: [{model: a, layer_range: [0, 1]}]}]}";
    let plan = plan(text, &[model(1), model(1)]);
    assert_eq!(plan.base, Some(1));
    assert_eq!(inputs(&plan, "norm"), ["a:model.norm scale=1"]);
}

#[test]
fn the_source_of_the_tokenizer_says_whose_tokens_the_result_has() {
    let rule = |line: &str| {
        let text = format!("{{merge_method: linear, base_model: x, models: [{{model: x}}]{line}}}");
        let recipe = Recipe::from_yaml(&text).expect("valid");
        (recipe.vocabulary(), recipe.hash())
    };
    let (none, plain) = rule("");
    assert_eq!(none, VocabularyRule::Error);
    let (base, hash) = rule(", tokenizer_source: base");
    assert_eq!((base, rule(", tokenizer_source: x")), (VocabularyRule::Base, (base, hash)));
    let (union, other) = rule(", tokenizer_source: union");
    assert_eq!(union, VocabularyRule::Union);
    assert!(hash != plain && other != plain && hash != other, "what is merged differs");
}

#[test]
fn types_are_promoted_unless_they_are_given() {
    let (half, brain) = (of_type(model(1), Dtype::F16), of_type(model(1), Dtype::Bf16));
    let types = |more: &str, models: [&Vec<_>; 2]| {
        let plan = plan(&format!("{TWO}{more}"), &models.map(Clone::clone));
        let step = step(&plan, "norm");
        (step.work, step.out)
    };
    assert_eq!(types("", [&half, &half]), (Working::F16, Dtype::F16));
    assert_eq!(types("", [&half, &brain]), (Working::F32, Dtype::F32));
    let double = of_type(model(1), Dtype::F64);
    assert_eq!(types("", [&half, &double]), (Working::F64, Dtype::F64));
    assert_eq!(types("dtype: bfloat16", [&half, &half]), (Working::Bf16, Dtype::Bf16));
    assert_eq!(types("out_dtype: float16", [&brain, &brain]), (Working::Bf16, Dtype::F16));
    let both = "dtype: float32\nout_dtype: bfloat16";
    assert_eq!(types(both, [&brain, &brain]), (Working::F32, Dtype::Bf16));
    // Precise arithmetic changes the type of the arithmetic alone.
    for (other, work, out) in
        [(&half, Working::F32, Dtype::F16), (&double, Working::F64, Dtype::F64)]
    {
        let models = [half.clone(), other.clone()];
        let precise = recipe(TWO).precise().plan(&models, MissingTensors::Error).expect("fits");
        let step = step(&precise, "norm");
        assert_eq!((step.work, step.out), (work, out));
    }
}

#[test]
fn an_absent_head_is_read_from_the_embedding() {
    let tied = without(model(1), "lm_head");
    let one = plan(TWO, &[tied.clone(), model(1)]);
    let expected = ["a:model.embed_tokens weight=1", "b:lm_head weight=3"];
    assert_eq!(inputs(&one, "lm_head"), expected);
    let none = plan(TWO, &[tied.clone(), tied]);
    assert!(!names(&none).contains(&"lm_head.weight"));
}

#[test]
fn a_head_that_cannot_be_read_is_left_out_and_a_lone_one_passed_on() {
    let bare = without(without(model(1), "lm_head"), "embed");
    let more = without(model(1), "embed");
    let average = plan(TWO, &[bare.clone(), more.clone()]);
    assert_eq!(inputs(&average, "lm_head"), ["b:lm_head weight=3"]);
    for text in [
        "{merge_method: slerp, base_model: a, models: [{model: a}, {model: b}], \
         parameters: {t: 0.3}}",
        "{merge_method: nuslerp, models: [{model: a}, {model: b}], parameters: {weight: 1}}",
    ] {
        let plan = plan(text, &[bare.clone(), more.clone()]);
        assert_eq!(step(&plan, "lm_head").method, "passthrough");
        assert_eq!(inputs(&plan, "lm_head"), ["b:lm_head scale=1"]);
    }
    // A method of differences passes the base's head on.
    let text = "{merge_method: model_stock, base_model: x, \
                models: [{model: a}, {model: b}]}";
    let stock = plan(text, &[bare.clone(), more.clone(), more.clone()]);
    assert_eq!(inputs(&stock, "lm_head"), ["x:lm_head scale=1"]);
    let error = try_plan(text, &[more.clone(), more, bare]).expect_err("the base has none");
    assert_eq!(error.to_string(), "x has no tensor `lm_head.weight`, which a has");
}

#[test]
fn integers_are_copied() {
    let with = |dtype| {
        let mut model = model(1);
        model.push(tensor("model.steps", dtype, &[3]));
        model
    };
    let copied = plan(TWO, &[with(Dtype::I64), with(Dtype::I64)]);
    let of = |model| TensorRef { model, name: "model.steps".to_owned() };
    let expected = TensorStep::Copy { from: of(0), others: vec![of(1)] };
    assert_eq!(tensor_plan(&copied, "steps").step, expected);
    for other in [Dtype::I32, Dtype::F32] {
        let error = try_plan(TWO, &[with(Dtype::I64), with(other)]).expect_err("differ");
        assert_eq!(error.to_string(), format!("tensor `model.steps` is i64 in a and {other} in b"));
    }
}

#[test]
fn missing_tensors_are_refused_left_out_or_the_bases() {
    let text = "{merge_method: ties, base_model: x, models: [{model: a}, {model: b}], \
                parameters: {weight: 1}}";
    let models = [model(1), without(model(1), "norm"), model(1)];
    let by = |missing| recipe(text).plan(&models, missing);
    let error = by(MissingTensors::Error).expect_err("b has no norm").to_string();
    assert_eq!(error, "b has no tensor `model.norm.weight`, which a has");
    assert!(
        !names(&by(MissingTensors::Intersection).expect("fits")).contains(&"model.norm.weight")
    );
    let stands_in = by(MissingTensors::Base).expect("fits");
    let expected =
        ["a:model.norm density=1 weight=1", "x:model.norm density=1 weight=1", "- x:model.norm"];
    assert_eq!(inputs(&stands_in, "norm"), expected);
    let error = recipe(TWO).plan(&[model(1), model(1)], MissingTensors::Base).expect_err("no base");
    assert_eq!(error, PlanError::MissingWithoutBase);
}

#[test]
fn models_are_read_once_each_with_their_adapters() {
    let text = "
merge_method: linear
models:
  - model: a+tuned
  - model: {model: {path: a}, lora: other}
  - model: a
parameters: {weight: 1}
";
    let reference = |adapter: Option<&str>| ModelRef {
        path: "a".to_owned(),
        adapter: adapter.map(ToOwned::to_owned),
    };
    let expected = [reference(Some("tuned")), reference(Some("other")), reference(None)];
    assert_eq!(recipe(text).models(), expected);
    assert_eq!(recipe(text).models()[0].to_string(), "a+tuned");
}

#[test]
fn a_hash_is_of_what_is_said_and_not_of_how() {
    let hash = |text: &str| recipe(text).hash();
    let other = "
# The same.
models:
- model: 'a'
  parameters:
    weight: &w [{value: 1.0}]
- parameters: {weight: 3}
  model: b
merge_method: weight-average
";
    assert_eq!(hash(TWO), hash(other));
    assert_eq!(hash(TWO), hash(&format!("\u{feff}---{}...\n", TWO.replace('\n', "\r\n"))));
    assert_ne!(hash(TWO), hash(&TWO.replace("3e0", "2")));
    assert_ne!(hash(TWO), hash(&format!("{TWO}dtype: float32")));
    assert_ne!(hash(TWO), recipe(TWO).precise().hash());
}

#[test]
fn what_has_no_effect_is_accepted() {
    let text = "{merge_method: ties, base_model: x, models: [{model: a}], \
                parameters: {weight: 1, int8_mask: true}}";
    assert_eq!(recipe(text).hash(), recipe(&text.replace(", int8_mask: true", "")).hash());
    let text = "merge_method: linear
name: mine
metadata: {anything: [1, 2]}
models:
  - {model: a, parameters: {weight: 1, density: [0.5, {x: y}]}}
  - {model: b, parameters: {weight: 3, density: 0.7}}
parameters: {lambda: 0.5, int8_mask: maybe, t: }
";
    let plain = "merge_method: linear
models:
  - {model: a, parameters: {weight: 1}}
  - {model: b, parameters: {weight: 3}}
";
    assert_eq!(recipe(text).hash(), recipe(plain).hash());
    let notes: Vec<String> = recipe(text).notes().iter().map(ToString::to_string).collect();
    let on = |place: &str| format!("{place} has no effect on `weight-average`");
    let expected = [
        "`name` (line 2)",
        "`metadata` (line 3)",
        "`models[0].parameters.density` (line 5)",
        "`parameters.lambda` (line 7)",
        "`parameters.int8_mask` (line 7)",
        "`parameters.t` (line 7)",
    ];
    assert_eq!(notes, expected.map(on));
    assert!(recipe(plain).notes().is_empty());
}

#[test]
fn recipes_as_people_write_them_are_read() {
    let dare = "
models:
  - model: org/base-7b
    # no parameters necessary for base model
  - model: org/chat-7b
    parameters:
      density: 0.53
      weight: 0.4
  - model: org/code-7b
    parameters:
      density: .53
      weight: 3e-1
merge_method: dare_ties
base_model: org/base-7b
parameters:
  int8_mask: true
dtype: bfloat16
";
    let plan_of = |text: &str, layers: u64| {
        let models = vec![model(layers); recipe(text).models().len()];
        plan(text, &models)
    };
    let expected = [
        "org/chat-7b:model.norm density=0.53 weight=0.4",
        "org/code-7b:model.norm density=0.53 weight=0.3",
        "- org/base-7b:model.norm",
    ];
    assert_eq!(inputs(&plan_of(dare, 2), "norm"), expected);

    let slerp = "
slices:
  - sources:
      - model: org/chat-7b
        layer_range: [0, 5]
      - model: org/code-7b
        layer_range: [0, 5]
merge_method: slerp
base_model: org/code-7b
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5 # fallback for rest of tensors
dtype: float16
";
    let plan = plan_of(slerp, 5);
    let t = |part: &str| step(&plan, part).shared["t"].as_str();
    assert_eq!([t("3.self_attn"), t("3.mlp"), t("norm")], ["0.7", "0.3", "0.5"]);
    let expected = ["org/code-7b:model.norm", "org/chat-7b:model.norm"];
    assert_eq!(inputs(&plan, "norm"), expected);
}

#[test]
fn what_a_layer_measured_is_averaged_or_the_bases() {
    let tensors = ["norm.running_mean", "norm.running_var", "norm.weight"];
    let tensors = || tensors.map(|name| tensor(name, Dtype::F32, &[2])).to_vec();
    let text = |method: &str, parameters: &str| {
        format!(
            "merge_method: {method}\nbase_model: base\nmodels:\n  - model: a\n  - model: b\n\
             parameters: {parameters}\n"
        )
    };
    let all = [tensors(), tensors(), tensors()];
    let ties = plan(&text("ties", "{weight: 2, density: 0.5, normalize: false}"), &all);
    let mean = step(&ties, "running_mean");
    assert_eq!((mean.method, mean.base.is_none()), ("weight-average", true));
    assert_eq!(mean.shared["normalize"], "true");
    assert_eq!(
        inputs(&ties, "running_mean"),
        ["a:norm.running_mean weight=2", "b:norm.running_mean weight=2"]
    );
    assert_eq!(step(&ties, "norm.weight").method, "ties");
    let stock = plan(&text("model_stock", "{}"), &all);
    assert_eq!(step(&stock, "running_var").method, "passthrough");
    assert_eq!(inputs(&stock, "running_var"), ["base:norm.running_var scale=1"]);
}

#[test]
fn integers_are_the_same_in_all_models_or_those_of_one() {
    let counted = |name: &str, dtype: Dtype| vec![tensor(name, dtype, &[2])];
    let text = "{merge_method: linear, base_model: x, parameters: {weight: 1}, \
                models: [{model: a}, {model: b}, {model: x}]}";
    let models = [(); 3].map(|()| counted("n.num_batches_tracked", Dtype::I64));
    let by = |integers| {
        let choices = PlanChoices { integers, ..PlanChoices::default() };
        recipe(text).plan(&models, choices).map(|plan| plan.tensors[0].step.clone())
    };
    let of = |model: usize| TensorRef { model, name: "n.num_batches_tracked".to_owned() };
    let copy = |from: usize, others: &[usize]| {
        Ok(TensorStep::Copy { from: of(from), others: others.iter().map(|&at| of(at)).collect() })
    };
    assert_eq!(by(IntegerTensors::Same), copy(0, &[1, 2]));
    assert_eq!(by(IntegerTensors::Base), copy(2, &[]));
    assert_eq!(by(IntegerTensors::Model(1)), copy(1, &[]));
    let nobody = by(IntegerTensors::Model(3)).expect_err("three models");
    assert_eq!(
        nobody.to_string(),
        "integers were to come from model 4, but there are only 3 models"
    );
    let choices = PlanChoices { integers: IntegerTensors::Base, ..PlanChoices::default() };
    let error = recipe(TWO).plan(&[model(1), model(1)], choices).expect_err("no base");
    assert_eq!(error, PlanError::IntegersWithoutBase);
}

#[test]
fn floats_that_nothing_learns_are_averaged_or_the_bases() {
    for name in ["l.running_var", "l.num_batches_tracked", "position_ids", "rotary.inv_freq"] {
        let models = [(); 3].map(|()| vec![tensor(name, Dtype::F32, &[2])]);
        let method = |method: &str, parameters: &str| {
            let text = format!(
                "{{merge_method: {method}, base_model: x, parameters: {parameters}, \
                 models: [{{model: a}}, {{model: b}}]}}"
            );
            let plan = recipe(&text).plan(&models, MissingTensors::Error).expect("fits");
            let TensorStep::Merge(step) = &plan.tensors[0].step else { panic!("{name}") };
            let inputs: Vec<usize> = step.inputs.iter().map(|input| input.tensor.model).collect();
            (step.method, inputs)
        };
        let expected = ("weight-average", vec![0, 1]);
        assert_eq!(method("ties", "{weight: 1, density: 0.2}"), expected, "{name}");
        assert_eq!(method("model_stock", "{}"), ("passthrough", vec![2]), "{name}");
    }
}
