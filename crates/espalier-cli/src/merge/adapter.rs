//! `espalier merge --out-adapter`.

use super::{failed, size};
use crate::args::MergeArgs;
use crate::console::{self, Bytes};
use crate::escape::line;
use crate::failure::Failure;
use espalier::file::count;
use espalier::merge::{
    AdapterForm, Merge, MergeError, MergeTarget, OutAdapterError, WrittenAdapter,
};
use espalier::recipe::Recipe;
use std::ops::ControlFlow;

/// Refuses what can be told without reading tensors to fit into no adapter.
pub(crate) fn check(merge: &Merge<'_>, target: &MergeTarget, rank: u32) -> Result<(), Failure> {
    let form = AdapterForm { rank, save_modules: true };
    let checked = merge.check_adapter(target, form);
    checked.map_err(|error| Failure::of(error.blame(), error).within("--out-adapter"))
}

/// Writes the merge as an adapter of this rank.
pub(crate) fn write(
    args: &MergeArgs,
    rank: u32,
    recipe: &Recipe,
    merge: Merge<'_>,
    target: &MergeTarget,
    quiet: bool,
) -> Result<(), Failure> {
    let form = AdapterForm { rank, save_modules: args.save_modules };
    let bar = Bytes::new(quiet, 2 * merge.volume().written);
    let progress = |done: u64| {
        bar.at(done);
        ControlFlow::Continue(())
    };
    let written = merge.with_progress(&progress).write_adapter(target, form);
    let written = written.map_err(|error| match error {
        MergeError::OutAdapter(OutAdapterError::NotMatrices { .. }) => {
            let blame = error.blame();
            let hint = "--save-modules keeps them whole";
            Failure::of(blame, error).within(format!("--out-adapter ({hint})"))
        }
        MergeError::OutAdapter(_) => Failure::of(error.blame(), error).within("--out-adapter"),
        error => failed(error, &target.path),
    })?;
    let seconds = bar.seconds();
    drop(bar);
    if args.json {
        return console::print_json(&json(recipe, target, form, &written));
    }
    if quiet {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = written
        .matrices
        .iter()
        .map(|matrix| {
            vec![matrix.tensor.clone(), matrix.rank.to_string(), format!("{:.1e}", matrix.error)]
        })
        .collect();
    let head = ["matrix", "rank", "relative error"];
    let mut text = console::fitted(1, &head, &[false, true, true], &rows);
    for module in &written.saved {
        text += &format!("{}  whole\n", line(module));
    }
    text += &format!(
        "adapter of rank {rank} for {} of {}: {} written to {} in {seconds:.1} s\n",
        count(written.matrices.len(), "tensor"),
        base(recipe),
        size(written.bytes),
        line(&target.path.to_string_lossy()),
    );
    console::print(&text)
}

fn base(recipe: &Recipe) -> String {
    recipe.base().map(|base| line(&base.path).into_owned()).unwrap_or_default()
}

fn json(
    recipe: &Recipe,
    target: &MergeTarget,
    form: AdapterForm,
    written: &WrittenAdapter,
) -> String {
    let matrix = |matrix: &espalier::merge::AdapterMatrix| {
        serde_json::json!({
            "tensor": matrix.tensor, "rank": matrix.rank, "error": matrix.error,
        })
    };
    let value = serde_json::json!({
        "output": target.path.to_string_lossy(),
        "recipe": recipe.hash().to_string(),
        "strategy": recipe.method().name,
        "base": recipe.base().map(|base| &base.path),
        "rank": form.rank,
        "matrices": written.matrices.iter().map(matrix).collect::<Vec<_>>(),
        "saved_modules": written.saved,
        "written_bytes": written.bytes,
    });
    format!("{value:#}\n")
}
