//! Every refusal says where and what.

use crate::models::{model, tensor, try_plan};
use espalier_recipe::Recipe;
use espalier_tensor::Dtype;

#[track_caller]
fn refused(text: &str, wanted: &str) {
    let error = Recipe::from_yaml(text).expect_err(text);
    assert_eq!(error.to_string(), wanted, "{text}");
}

/// Refused with this in place of the models of a linear merge.
#[track_caller]
fn parameter(method: &str, given: &str, wanted: &str) {
    let text = format!(
        "merge_method: {method}\nbase_model: x\nmodels:\n  - model: a\n    parameters:\n      \
         {given}\n"
    );
    refused(&text, wanted);
}

#[test]
fn keys() {
    refused(
        "merge_method: linear\nmodel:\n  - model: a\n",
        "`model` (line 2) is not a known key (did you mean `models`?); known here: merge_method, \
         models, slices, modules, base_model, parameters, dtype, out_dtype, tokenizer_source, \
         name, metadata",
    );
    refused(
        "merge_method: linear\nmodels:\n  - model: a\n    paramters: {weight: 1}\n",
        "`models[0].paramters` (line 4) is not a known key (did you mean `parameters`?); known \
         here: model, parameters",
    );
    refused("models:\n  - model: a\n", "the recipe (line 1) has no `merge_method`");
    refused(
        "merge_method: linear\nmodels:\n  - model: a\n  - parameters: {weight: 1}\n",
        "`models[1]` (line 4) has no `model`",
    );
    refused(
        "merge_method: linear\nslices: [{sources: [{model: a}]}]\n",
        "`slices[0].sources[0]` (line 2) has no `layer_range`",
    );
    refused(
        "merge_method: linear\n",
        "the recipe (line 1) needs exactly one of `models`, `slices` and `modules`",
    );
    refused(
        "merge_method: linear\nmodules:\n  default: {parameters: {weight: 1}}\n",
        "`modules.default` (line 3) needs exactly one of `models` and `slices`",
    );
    refused(
        "merge_method: linear\nmodels: [{model: a}]\nparameters:\n  weight: [{vale: 1}]\n",
        "`parameters.weight[0].vale` (line 4) is not a known key (did you mean `value`?); known \
         here: filter, value",
    );
}

#[test]
fn what_others_have() {
    for (line, wanted) in [
        (
            "tokenizer: {source: union}",
            "`tokenizer` (line 2) is not supported: say `tokenizer_source: base` or `union`; \
             tokens have no sources of their own",
        ),
        (
            "tokenizer_source: other",
            "`tokenizer_source` (line 2) is not supported: it may be `base`, the path of the base \
             model, or `union`; the order of tokens is always the base's",
        ),
        (
            "chat_template: auto",
            "`chat_template` (line 2) is not supported: files next to the weights are copied as \
             they are",
        ),
        (
            "input_model_parameters: {a: {weight: 1}}",
            "`input_model_parameters` (line 2) is not supported: give parameters of a model where \
             the model is listed",
        ),
        (
            "models: [{model: a@main}]",
            "`models[0].model` (line 2) is not supported: revisions are of models on a hub; give \
             the folder of a model",
        ),
        (
            "models: [{model: {model: {path: a, revision: main}}}]",
            "`models[0].model.model.revision` (line 2) is not supported: revisions are of models \
             on a hub; give the folder of a model",
        ),
        (
            "models: [{model: {model: a, override_architecture: x}}]",
            "`models[0].model.override_architecture` (line 2) is not supported: layers are told \
             from the names of tensors",
        ),
    ] {
        refused(&format!("merge_method: linear\n{line}\n"), wanted);
    }
}

#[test]
fn kinds() {
    refused("- 1\n", "the recipe (line 1) must be a mapping, not a list");
    refused("merge_method: [ties]\n", "`merge_method` (line 1) must be a scalar, not a list");
    refused("merge_method: linear\nmodels: a\n", "`models` (line 2) must be a list, not a scalar");
    refused("merge_method: linear\nmodels: []\n", "`models` (line 2) must be filled, not empty");
    refused("merge_method: linear\nmodules: {}\n", "`modules` (line 2) must be filled, not empty");
    refused(
        "merge_method: linear\nmodels:\n  - a\n",
        "`models[0]` (line 3) must be a mapping, not a scalar",
    );
    refused(
        "merge_method: linear\nmodels:\n  - model: a\n    parameters: {weight: }\n",
        "`models[0].parameters.weight` (line 4) must be a scalar, not nothing",
    );
    refused(
        "merge_method: karcher\nmodels: [{model: a}]\nparameters: {max_iter: [1, 2]}\n",
        "`parameters.max_iter` (line 3) must be a scalar, not a list",
    );
    refused(
        "merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: [1, {value: 2}]}\n",
        "`parameters.weight[0]` (line 3) must be a mapping, not a scalar",
    );
}

#[test]
fn values() {
    for (model, value) in [("", ""), ("a+", "a+"), ("a+b+c", "a+b+c")] {
        refused(
            &format!("merge_method: linear\nmodels: [{{model: '{model}'}}]\n"),
            &format!(
                "`models[0].model` (line 2) is `{value}`, but must be the path of a model, or \
                 PATH+ADAPTER"
            ),
        );
    }
    refused(
        "merge_method: linear\nmodels: [{model: a}]\ndtype: int8\n",
        "`dtype` (line 3) is `int8`, but must be one of float64, float32, float16, bfloat16",
    );
    for range in ["[2, 2]", "[0, 1, 2]", "[-1, 2]", "[a, b]"] {
        refused(
            &format!(
                "merge_method: linear\nslices:\n  - sources:\n      - model: a\n        \
                      layer_range: {range}\n"
            ),
            &format!(
                "`slices[0].sources[0].layer_range` (line 5) is `{range}`, but must be the first \
                 layer and the one after the last, as [0, 16]"
            ),
        );
    }
    parameter(
        "linear",
        "weight: much",
        "`models[0].parameters.weight` (line 6) is `much`, but must be a number",
    );
    parameter(
        "ties",
        "density: [0.5, 1.5]",
        "`models[0].parameters.density[1]` (line 6) is `1.5`, but must be a number from 0 to 1",
    );
    refused(
        "merge_method: linear\nmodels: [{model: a}]\nparameters: {normalize: 2}\n",
        "`parameters.normalize` (line 3) is `2`, but must be one of false, true",
    );
}

#[test]
fn methods_and_their_parameters() {
    refused(
        "merge_method: tise\nmodels: [{model: a}]\n",
        "`merge_method` (line 1): there is no strategy `tise` (did you mean `ties`?)",
    );
    parameter(
        "ties",
        "densty: 1",
        "`models[0].parameters.densty` (line 6): `ties` has no parameter `densty` (did you mean \
         `density`?); it has: weight, density",
    );
    parameter(
        "ties",
        "lambda: 1",
        "`models[0].parameters.lambda` (line 6): `lambda` of `ties` is shared by all models and \
         cannot be set for one",
    );
    refused(
        "merge_method: linear\nmodels: [{model: a}]\nparameters:\n  normalise: false\n",
        "`parameters.normalise` (line 4): `weight-average` has no parameter `normalise` (did you \
         mean `normalize`?); it has: weight, normalize",
    );
}

#[test]
fn models_of_a_slice() {
    refused(
        "merge_method: ties\nmodels: [{model: a}]\n",
        "`ties` merges differences from a base model, but none is given",
    );
    refused(
        "merge_method: linear\nmodels:\n  - model: a\n  - model: b\n  - model: a\n",
        "`models[2]` (line 5): a is listed twice",
    );
    refused(
        "merge_method: ties\nbase_model: x\nslices:\n  - sources: [{model: a, layer_range: [0, \
         1]}]\n",
        "`slices[0]` (line 4) lacks the base model x, which must be among the sources of each \
         slice",
    );
    refused(
        "merge_method: passthrough\nmodels: [{model: a}, {model: b}]\n",
        "`models` (line 2): `passthrough` merges one model, not 2",
    );
    refused(
        "merge_method: slerp\nbase_model: x\nmodels: [{model: a}, {model: b}]\n",
        "`models` (line 3): `slerp` merges 2 models, not 3",
    );
    refused(
        "merge_method: model_stock\nbase_model: x\nmodels: [{model: a}]\n",
        "`models` (line 3): `model-stock` merges 2 models or more, not 1",
    );
    refused(
        "merge_method: linear\nslices:\n  - sources:\n      - {model: a, layer_range: [0, 2]}\n\
         \x20     - {model: b, layer_range: [1, 2]}\n",
        "`slices[0].sources[1]` (line 5) takes 1 of its model's layers, but the first source of \
         the slice takes 2",
    );
}

const TWO: &str =
    "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n";

#[track_caller]
fn unfit(text: &str, models: &[Vec<espalier_tensor::TensorShape>], wanted: &str) {
    assert_eq!(try_plan(text, models).expect_err(text).to_string(), wanted, "{text}");
}

#[test]
fn models_that_do_not_fit() {
    let with = |name: &str, shape: &[u64]| {
        let mut model = model(1);
        model.retain(|tensor| tensor.name != name);
        model.push(tensor(name, Dtype::F32, shape));
        model
    };
    unfit(
        TWO,
        &[model(1), with("model.norm.weight", &[5])],
        "tensor `model.norm.weight` is [4] in a and [5] in b",
    );
    unfit(
        TWO,
        &[model(1), with("model.embed_tokens.weight", &[9, 4])],
        "tensor `model.embed_tokens.weight` is [8, 4] in a and [9, 4] in b: their vocabularies \
         have different sizes, and rows of one token in one model may be another token's in the \
         other; they are never cut or padded, but matched by token with `tokenizer_source: base` \
         or `union` (--vocab)",
    );
    unfit(TWO, &[model(1)], "the recipe has 2 models, but tensors of 1 were given");
    unfit(TWO, &[vec![], vec![]], "no tensor is left to merge");
    let weightless = TWO.replace("parameters: {weight: 1}\n", "");
    unfit(
        &weightless,
        &[model(1), model(1)],
        "tensor `lm_head.weight` of a: `weight-average` needs a value for `weight`",
    );
    unfit(
        "{merge_method: linear, base_model: x, models: [{model: a, parameters: {weight: 1}}]}",
        &[model(1), model(1)],
        "`weight-average` takes the base model x as an input, for which there is no `weight`; list \
         it under `models` with one",
    );
    unfit(
        "{merge_method: slerp, base_model: x, models: [{model: a}]}",
        &[model(1), model(1)],
        "tensor `lm_head.weight`: `slerp` needs a value for `t`",
    );
}

#[test]
fn layers_that_are_not_there() {
    let text =
        "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [1, 3]}]\n";
    let place = "`slices[0].sources[0]` (line 3)";
    unfit(text, &[model(2)], &format!("{place} ends at layer 3, but the layers of a end at 2"));
    let norm = vec![tensor("norm.weight", Dtype::F32, &[2])];
    unfit(text, &[norm], &format!("{place} needs one list of layers, but a has none"));
    let mut two = model(3);
    two.extend((0..2).map(|i| tensor(&format!("vision.h.{i}.w"), Dtype::F32, &[2])));
    unfit(
        text,
        &[two],
        &format!(
            "{place} needs one list of layers, but a has `model.layers`, `vision.h`; choose one by \
             `modules`"
        ),
    );
    let pile = "  - sources: [{model: a, layer_range: [0, 3]}]\n".repeat(3334);
    unfit(
        &format!("merge_method: passthrough\nslices:\n{pile}"),
        &[model(3)],
        "`slices[3333]` (line 3336) would make a model of more than 10000 layers",
    );
    unfit(
        "{merge_method: passthrough, modules: {model: {models: [{model: a}]}}}",
        &[model(1)],
        "tensor `lm_head.weight` of a belongs to no module; the name of a module is the beginning \
         of its tensors' names, or `default` for all others",
    );
}
