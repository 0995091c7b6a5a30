//! The server's version, limits and choices.

use crate::app::App;
use crate::error::ok;
use axum::extract::State;
use axum::response::Response;
use espalier::resolve::{ParameterInfo, ParameterRange, StrategyInfo, registry};
use espalier::sim::{Attack, Config};
use espalier::topology;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let limits = &app.limits;
    let attack = |(name, text): &(&str, &str)| json!({ "name": name, "text": text });
    let topologies = topology::FORMS.into_iter().filter(|form| !form.starts_with("file:"));
    ok(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "defaults": Config::default(),
        "limits": {
            "nodes": [2, limits.nodes],
            "rounds": [1, limits.rounds],
            "elements": limits.elements,
            "sampled": limits.sampled,
            "at_once": limits.at_once,
            "waiting": limits.waiting,
            "kept": limits.kept,
            "viewers": limits.viewers,
            "upload_bytes": limits.upload,
            "uploads_bytes": limits.uploads,
            "models": limits.files,
            "cells": limits.cells,
            "cell_nodes": [2, limits.cell_nodes],
        },
        "models": ["digits", "synthetic:SHAPE"],
        "topologies": topologies.collect::<Vec<_>>(),
        "strategies": registry().map(strategy).collect::<Vec<_>>(),
        "attacks": Attack::FORMS.iter().map(attack).collect::<Vec<_>>(),
        "exchanges": ["delta", "full-state", "intervals", "broadcast"],
        "spreads": ["iid", "mild", "strong", "dirichlet:A", "clusters:K"],
        "schedules": ["random", "scheduled"],
        "orders": ["sequential", "synchronous"],
        "wires": ["auto", "frames"],
        "profiles": ["strict", "clustered"],
        "clocks": ["rounds", "periodic", "poisson", "none"],
        "latencies": ["none", "constant:TIME", "uniform:TIME..TIME", "lognormal:MEDIAN:SIGMA"],
        "metrics": ["auto", "full", "sample:K", "off"],
    }))
}

fn strategy(info: &StrategyInfo) -> Value {
    let parameter = |one: &ParameterInfo| {
        json!({
            "name": one.name,
            "default": one.default,
            "text": format!("{}; {}", one.help, one.range),
        })
    };
    // What is told how many lie is made against liars.
    let robust = info.parameters.iter().any(|one| one.range == ParameterRange::Liars);
    json!({
        "name": info.name,
        "text": info.summary,
        "source": info.source,
        "robust": robust,
        "needs_base": info.needs_base,
        "parameters": info.parameters.iter().map(parameter).collect::<Vec<_>>(),
    })
}
