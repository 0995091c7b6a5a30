//! Merges plain safetensors files, without replicas: any strategy, streamed to disk.
//!
//! `cargo run --release -p espalier --example merge_files -- OUT STRATEGY BASE INPUT…`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use espalier::prelude::*;
use espalier::resolve::{Input, Strategy, canonical_order};
use std::collections::BTreeMap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, strategy, base, inputs @ ..] = args.as_slice() else {
        return Err("usage: merge_files OUT STRATEGY BASE INPUT…".into());
    };
    let strategy = Strategy::new(strategy, &BTreeMap::new())?;
    let base = open_safetensors(base)?.into_model()?;
    let models: Vec<Model> =
        inputs.iter().map(|path| open_safetensors(path)?.into_model()).collect::<Result<_, _>>()?;
    let mut inputs: Vec<_> =
        models.iter().map(|model| Input { id: model.root(), weight: 1.0, model }).collect();
    canonical_order(&mut inputs);
    let seed = Digest::of_content(b"merge_files");
    let plan = strategy.prepare(&inputs, Some(&base), seed, &Default::default())?;
    plan.write_safetensors(&BTreeMap::new(), out, false)?;
    println!("merged {} models into {out} by {strategy}", inputs.len());
    Ok(())
}
