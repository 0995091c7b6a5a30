//! `espalier merge`, and `espalier verify MODEL --recipe RECIPE`.

use crate::Failure;
use crate::args::{HowArgs, MergeArgs};
use crate::console::{self, Bytes};
use crate::escape::line;
use anyhow::anyhow;
use espalier::file::{self, count};
use espalier::merge::{
    AlignedVocabulary, Merge, MergeError, MergeTarget, OpenModel, TensorDifference,
    align_vocabularies,
};
use espalier::recipe::{MergePlan, MissingTensors, ModelRef, Recipe, TensorStep, VocabularyRule};
use espalier::tensor::open_safetensors;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Most bytes of a recipe's text that are read: the recipe has a limit of its own, which says more.
const MAX_RECIPE: u64 = 16 << 20;

pub(crate) fn run(args: &MergeArgs, quiet: bool) -> Result<(), Failure> {
    let (recipe, folder, output) = what(args)?;
    let (models, vocabulary) = open(&recipe, folder.as_deref())?;
    let plan = plan(&recipe, &models, &args.how)?;
    let merge = Merge::new(&plan, &models).with_seed(args.how.seed);
    let merge = merge.with_vocabulary(vocabulary.as_ref());
    if args.dry_run {
        let text = if args.json {
            json(&recipe, &merge, &plan)?
        } else {
            table(args, &recipe, &merge, &plan)
        };
        return match args.json {
            true => console::print_json(&text),
            false => console::print(&text),
        };
    }
    let output = output.ok_or_else(|| {
        Failure::usage("-o: where to write is missing: a folder, or a .safetensors file".into())
    })?;
    let target = MergeTarget {
        force: args.force,
        shard_size: args.shard_size,
        metadata: metadata(&recipe),
        ..MergeTarget::new(&output)
    };
    if let Some(rank) = args.out_adapter {
        return crate::out_adapter::write(args, rank, &recipe, merge, &target, quiet);
    }
    let volume = merge.volume();
    let bar = Bytes::new(quiet, volume.written);
    let progress = |done: u64| {
        bar.at(done);
        ControlFlow::Continue(())
    };
    merge.with_progress(&progress).write(&target).map_err(|error| failed(error, &output))?;
    let seconds = bar.seconds();
    drop(bar);
    if args.json {
        return console::print_json(&done_json(&recipe, &plan, &output, volume.written));
    }
    if quiet {
        return Ok(());
    }
    let mut text = format!(
        "{} by {}: {} of {} written to {} in {seconds:.1} s\n",
        count(plan.models.len(), "model"),
        recipe.method().name,
        count(plan.tensors.len(), "tensor"),
        size(volume.written),
        output.display()
    );
    if args.strategy.is_none() {
        let (out, recipe, how) = (output.display(), args.paths[0].display(), args.how.flags());
        text += &format!("Check it with: espalier verify {out} --recipe {recipe}{how}\n");
    }
    console::print(&text)
}

/// Computes a merged model again and compares.
pub(crate) fn verify(
    model: &Path,
    recipe: &Path,
    how: &HowArgs,
    quiet: bool,
) -> Result<(), Failure> {
    let folder = recipe.parent().map(Path::to_owned);
    let recipe = read(recipe, how)?;
    let (models, _) = open(&recipe, folder.as_deref())?;
    let plan = plan(&recipe, &models, how)?;
    let merged = open_safetensors(model).map_err(|error| Failure::of(error.blame(), error))?;
    let merge = Merge::new(&plan, &models).with_seed(how.seed);
    let found = merge.verify(&merged).map_err(|error| failed(error, model))?;
    if found.is_empty() {
        if !quiet {
            let tensors = count(plan.tensors.len(), "tensor");
            console::print(&format!("PASS: the recipe gives the same {tensors}\n"))?;
        }
        return Ok(());
    }
    let mut text = "FAIL: the recipe gives another model\n".to_owned();
    for difference in &found {
        let said = match difference {
            TensorDifference::Missing(name) => format!("{name}: missing"),
            TensorDifference::Extra(name) => format!("{name}: not in the recipe"),
            TensorDifference::Layout(name) => format!("{name}: another element type or shape"),
            TensorDifference::Values(name) => format!("{name}: other values"),
            other => format!("{other:?}"),
        };
        text += &format!("  {}\n", line(&said));
    }
    console::print(&text)?;
    Err(Failure::Check)
}

/// The recipe, the folder that its paths may be relative to, and the output.
fn what(args: &MergeArgs) -> Result<(Recipe, Option<PathBuf>, Option<PathBuf>), Failure> {
    let Some(strategy) = &args.strategy else {
        let (recipe, output) = match (args.paths.as_slice(), &args.output) {
            ([recipe, output], None) => (recipe, Some(output.clone())),
            ([recipe], output) => (recipe, output.clone()),
            _ => {
                return Err(Failure::usage(
                    "give a recipe and the output, or --strategy and the models".into(),
                ));
            }
        };
        let folder = recipe.parent().map(Path::to_owned);
        return Ok((read(recipe, &args.how)?, folder, output));
    };
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    let models: Vec<String> = args.paths.iter().map(text).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let base = args.base.as_ref().map(text);
    let parameters: BTreeMap<String, String> = args.parameters.iter().cloned().collect();
    let recipe = Recipe::from_parts(
        strategy,
        base.as_deref(),
        &models,
        &args.weights,
        &parameters,
        None,
        args.dtype.as_deref(),
    );
    let recipe = recipe.map_err(|mut error| {
        if let Some(place) = error.place_mut() {
            place.path = flag_of(&place.path, &models);
        }
        Failure::of(error.blame(), error)
    })?;
    Ok((matched(recipe, &args.how), None, args.output.clone()))
}

/// The flag that says what a key of a recipe says; for a model the model.
fn flag_of(key: &str, models: &[&str]) -> String {
    let model = || key.strip_prefix("models[")?.strip_suffix(']')?.parse::<usize>().ok();
    match key {
        "merge_method" => "--strategy".to_owned(),
        "base_model" => "--base".to_owned(),
        "weight" => "--weight".to_owned(),
        "out_dtype" => "--dtype".to_owned(),
        "models" => "MODEL".to_owned(),
        key => match (key.strip_prefix("parameters."), model()) {
            (Some(name), _) => format!("--param {name}"),
            (_, Some(index)) => models.get(index).map_or(key, |model| model).to_owned(),
            _ => key.to_owned(),
        },
    }
}

fn read(path: &Path, how: &HowArgs) -> Result<Recipe, Failure> {
    let name = || path.display().to_string();
    if path.is_dir() {
        let problem = "is a folder; a recipe is a YAML file, and models need --strategy";
        return Err(Failure::usage(format!("{} {problem}", name())));
    }
    let text = file::read_text(path, MAX_RECIPE)
        .map_err(|error| Failure::from(error).within(format!("cannot read {}", name())))?;
    let recipe = Recipe::from_yaml(&text);
    let recipe = recipe.map_err(|error| Failure::of(error.blame(), error).within(name()))?;
    let recipe = matched(recipe, how);
    Ok(if how.precise { recipe.precise() } else { recipe })
}

/// The recipe with the rule for vocabularies that a flag says.
fn matched(recipe: Recipe, how: &HowArgs) -> Recipe {
    match how.vocab.as_deref() {
        Some("base") => recipe.with_vocabulary(VocabularyRule::Base),
        Some("union") => recipe.with_vocabulary(VocabularyRule::Union),
        Some(_) => recipe.with_vocabulary(VocabularyRule::Error),
        None => recipe,
    }
}

/// Models with what was done about their vocabularies.
type Opened = (Vec<OpenModel>, Option<AlignedVocabulary>);

/// Opens the models. A path of a recipe that is not found from here is looked for beside it.
fn open(recipe: &Recipe, folder: Option<&Path>) -> Result<Opened, Failure> {
    let found = |path: &String| match folder.map(|folder| folder.join(path)) {
        Some(beside) if !Path::new(path).exists() && beside.exists() => {
            beside.to_string_lossy().into_owned()
        }
        _ => path.clone(),
    };
    let open = |model: &ModelRef| {
        let path = found(&model.path);
        if !Path::new(&path).exists() {
            let said = line(&model.path);
            return Err(Failure::usage(format!(
                "model {said}: no such file or folder; models are read from disk and not downloaded"
            )));
        }
        let model = ModelRef { path, adapter: model.adapter.as_ref().map(found) };
        OpenModel::open(&model).map_err(|error| Failure::of(error.blame(), error))
    };
    let named = recipe.models();
    let mut models = named.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let base = recipe.base().and_then(|base| named.iter().position(|model| model == base));
    let vocabulary = align_vocabularies(&mut models, base.unwrap_or(0), recipe.vocabulary());
    let vocabulary =
        vocabulary.map_err(|error| Failure::of(error.blame(), error).within("--vocab"))?;
    Ok((models, vocabulary))
}

fn plan(recipe: &Recipe, models: &[OpenModel], how: &HowArgs) -> Result<MergePlan, Failure> {
    let missing = match how.missing.as_str() {
        "intersection" => MissingTensors::Intersection,
        "base" => MissingTensors::Base,
        _ => MissingTensors::Error,
    };
    let tensors: Vec<_> = models.iter().map(|model| model.shapes().to_vec()).collect();
    recipe.plan(&tensors, missing).map_err(|error| Failure::of(error.blame(), error))
}

pub(crate) fn failed(error: MergeError, output: &Path) -> Failure {
    match error {
        MergeError::Exists { .. } => {
            let right = "use --force to overwrite it, or name another";
            Failure::Input(anyhow!("{} exists; {right}", output.display()))
        }
        error => Failure::of(error.blame(), error),
    }
}

/// What the headers of the result say.
fn metadata(recipe: &Recipe) -> BTreeMap<String, String> {
    [
        // Libraries that load models look for this.
        ("format".to_owned(), "pt".to_owned()),
        ("espalier_recipe".to_owned(), recipe.hash().to_string()),
        ("espalier_strategy".to_owned(), recipe.method().name.to_owned()),
    ]
    .into()
}

/// How often tensors are made in each way.
fn kinds(plan: &MergePlan) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for tensor in &plan.tensors {
        let kind = match &tensor.step {
            TensorStep::Copy { .. } => "copied, the same in all models".to_owned(),
            TensorStep::Merge(step) => {
                let shared = step.shared.iter().map(|(key, value)| format!("{key}={value}"));
                let own = step.inputs.iter().map(|input| {
                    let own = input.parameters.iter().map(|(key, value)| format!("{key}={value}"));
                    own.collect::<Vec<_>>().join(" ")
                });
                let (shared, own): (Vec<_>, Vec<_>) = (shared.collect(), own.collect());
                let own = match own.iter().all(String::is_empty) {
                    true => count(own.len(), "input"),
                    false => format!("inputs [{}]", own.join("; ")),
                };
                let shared = shared.join(" ");
                let work = format!("{:?}", step.work).to_lowercase();
                format!("{} {shared} {own}, in {work}, to {}", step.method, step.out)
            }
        };
        *kinds.entry(kind.replace("  ", " ")).or_insert(0) += 1;
    }
    kinds
}

fn table(args: &MergeArgs, recipe: &Recipe, merge: &Merge<'_>, plan: &MergePlan) -> String {
    let volume = merge.volume();
    let mut text = format!("strategy  {}\n", recipe.method().name);
    for (place, model) in plan.models.iter().enumerate() {
        let base = if plan.base == Some(place) { " (base)" } else { "" };
        let adapter = model.adapter.as_ref().map(|path| format!("+{path}")).unwrap_or_default();
        text += &format!("model     {}{adapter}{base}\n", line(&model.path));
    }
    text += &format!("read      {}\n", size(volume.read));
    let tensors = count(plan.tensors.len(), "tensor");
    text += &match args.out_adapter {
        None => format!("write     {} in {tensors}\n", size(volume.written)),
        Some(rank) => {
            format!("write     an adapter of rank {rank} for those of {tensors} that change\n")
        }
    };
    for (kind, number) in kinds(plan) {
        text += &format!("{number:7} × {}\n", line(&kind));
    }
    text
}

fn json(
    args: &MergeArgs,
    recipe: &Recipe,
    merge: &Merge<'_>,
    plan: &MergePlan,
) -> Result<String, Failure> {
    let volume = merge.volume();
    let model =
        |model: &ModelRef| serde_json::json!({ "path": model.path, "adapter": model.adapter });
    let tensors = plan.tensors.iter().zip(merge.shapes()).map(|(tensor, shape)| {
        let (method, shared, inputs) = match &tensor.step {
            TensorStep::Copy { from, others } => {
                let inputs = std::iter::once(from).chain(others);
                let inputs = inputs
                    .map(|input| serde_json::json!({ "model": input.model, "tensor": input.name }));
                (None, None, inputs.collect::<Vec<_>>())
            }
            TensorStep::Merge(step) => {
                let inputs = step.inputs.iter().map(|input| {
                    serde_json::json!({
                        "model": input.tensor.model,
                        "tensor": input.tensor.name,
                        "parameters": input.parameters,
                    })
                });
                (Some(step.method), Some(&step.shared), inputs.collect())
            }
        };
        serde_json::json!({
            "name": tensor.name, "shape": tensor.shape, "dtype": shape.dtype.name(),
            "strategy": method, "parameters": shared, "inputs": inputs,
        })
    });
    let value = serde_json::json!({
        "recipe": recipe.hash().to_string(),
        "strategy": recipe.method().name,
        "models": plan.models.iter().map(model).collect::<Vec<_>>(),
        "base": plan.base,
        "adapter_rank": args.out_adapter,
        "read_bytes": volume.read,
        "written_bytes": volume.written,
        "tensors": tensors.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&value).map_err(Failure::environment)? + "\n")
}

fn done_json(recipe: &Recipe, plan: &MergePlan, output: &Path, written: u64) -> String {
    let value = serde_json::json!({
        "output": output.to_string_lossy(),
        "recipe": recipe.hash().to_string(),
        "strategy": recipe.method().name,
        "models": plan.models.len(),
        "tensors": plan.tensors.len(),
        "written_bytes": written,
    });
    format!("{value:#}\n")
}

pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
