//! `espalier merge`, and `espalier verify MODEL --recipe RECIPE`.

mod adapter;
mod header;
mod plan;

use crate::args::{HowArgs, MergeArgs};
use crate::console::{self, Bytes};
use crate::escape::line;
use crate::failure::Failure;
use espalier::file::{self, WriteError, count};
use espalier::merge::{
    AlignedVocabulary, MemoryNeed, Merge, MergeError, MergeTarget, OpenModel, TensorDifference,
    align_vocabularies, check_vocabularies,
};
use espalier::recipe::{MergePlan, MissingTensors, ModelRef, PlanChoices, Recipe, VocabularyRule};
use espalier::resolve::methods::Base;
use espalier::tensor::open_safetensors;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Most bytes of a recipe's text that are read: the recipe has a limit of its own, which says more.
const MAX_RECIPE: u64 = 16 << 20;

pub(crate) fn run(args: &MergeArgs, quiet: bool) -> Result<(), Failure> {
    let (recipe, folder, output) = what(args)?;
    recipe.notes().iter().for_each(|note| console::complain(&format!("note: {note}")));
    let (models, vocabulary) = open(&recipe, folder.as_deref())?;
    let plan = plan(&recipe, &models, &args.how)?;
    let merge = Merge::new(&plan, &models).with_seed(args.how.seed);
    let merge = merge.with_vocabulary(vocabulary.as_ref());
    let need = merge.memory(rayon::current_num_threads(), args.out_adapter.is_some());
    check_memory(args, &need)?;
    if let Some(rank) = args.out_adapter {
        let path = output.as_deref().unwrap_or(Path::new("adapter"));
        adapter::check(&merge, &MergeTarget::new(path), rank)?;
    }
    if args.dry_run {
        let text = if args.json {
            plan::json(args, &recipe, &merge, &plan, &need)?
        } else {
            plan::table(args, &recipe, &merge, &plan, &need)
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
        metadata: header::metadata(&recipe, &merge, args.provenance)?,
        ..MergeTarget::new(&output)
    };
    if let Some(rank) = args.out_adapter {
        return adapter::write(args, rank, &recipe, merge, &target, quiet);
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
        count(merged(&recipe, &plan), "model"),
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
    let wrong = header::claims(&recipe, &merge, merged.metadata())?;
    if found.is_empty() && wrong.is_empty() {
        if !quiet {
            let tensors = count(plan.tensors.len(), "tensor");
            console::print(&format!("PASS: the recipe gives the same {tensors}\n"))?;
        }
        return Ok(());
    }
    let mut text = "FAIL: the recipe gives another model\n".to_owned();
    wrong.iter().for_each(|said| text += &format!("  {}\n", line(said)));
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
    let recipe = if args.how.precise { recipe.in_f64() } else { recipe };
    Ok((matched(recipe, &args.how), None, args.output.clone()))
}

/// The number of models that are merged, without the base of which others are differences.
fn merged(recipe: &Recipe, plan: &MergePlan) -> usize {
    let is_input = matches!(recipe.method().base, Base::Input | Base::First);
    plan.models.len() - usize::from(!is_input && recipe.base().is_some())
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
        Some("rows") => recipe.with_vocabulary(VocabularyRule::Rows),
        Some(_) => recipe.with_vocabulary(VocabularyRule::Error),
        None => recipe,
    }
}

/// Models with what was done about their vocabularies.
type Opened = (Vec<OpenModel>, Option<AlignedVocabulary>);

/// Opens the models. Paths that do not exist relative to the working directory are resolved
/// relative to the recipe.
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
    let choices = PlanChoices { missing, integers: how.integers.unwrap_or_default() };
    let plan = recipe.plan(&tensors, choices).map_err(|error| Failure::of(error.blame(), error))?;
    if recipe.vocabulary() == VocabularyRule::Error {
        check_vocabularies(models, &plan)
            .map_err(|error| Failure::of(error.blame(), error).within("--vocab"))?;
    }
    Ok(plan)
}

pub(crate) fn failed(error: MergeError, output: &Path) -> Failure {
    match error {
        MergeError::Write(WriteError::Exists(_)) => Failure::exists(output, "file or folder"),
        error @ MergeError::Integers { .. } => {
            let hint = "`--integers base` or `--integers N` says whose are taken";
            Failure::of(error.blame(), anyhow::anyhow!("{error}; {hint}"))
        }
        error => Failure::of(error.blame(), error),
    }
}

/// What a merge holds at once, if nothing else is said.
const MEMORY: u64 = 300_000_000;

/// Refuses a merge that needs more memory than it may have, or warns of it.
fn check_memory(args: &MergeArgs, need: &MemoryNeed) -> Result<(), Failure> {
    if need.bytes <= args.memory.unwrap_or(MEMORY) {
        return Ok(());
    }
    let said = format!("the buffers of this merge need {}", plan::needs(need));
    if args.memory.is_none() {
        console::complain(&format!("note: {said}"));
        return Ok(());
    }
    let few = if need.whole { "" } else { ", or take fewer --threads" };
    Err(Failure::usage(format!("--memory: {said}; allow {} bytes{few}", need.bytes)))
}

fn done_json(recipe: &Recipe, plan: &MergePlan, output: &Path, written: u64) -> String {
    let value = serde_json::json!({
        "output": output.to_string_lossy(),
        "recipe": recipe.hash().to_string(),
        "strategy": recipe.method().name,
        "models": plan.models.len(),
        "tensors": plan.tensors.len(),
        "written_bytes": written,
        "notes": notes(recipe),
    });
    format!("{value:#}\n")
}

/// What the recipe says to no effect.
pub(crate) fn notes(recipe: &Recipe) -> Vec<String> {
    recipe.notes().iter().map(ToString::to_string).collect()
}

pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
