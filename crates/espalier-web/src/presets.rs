//! Example runs, each of which shows one thing.

use axum::response::Response;
use serde_json::{Value, json};

use crate::error::ok;

pub(crate) async fn list() -> Response {
    ok(&all())
}

fn preset(name: &str, title: &str, text: &str, config: Value) -> Value {
    json!({ "name": name, "title": title, "text": text, "config": config })
}

fn all() -> [Value; 8] {
    [
        preset(
            "digits",
            "Eight nodes learn to read digits",
            "Each has a part of the images. The merged model reads better than any node's own.",
            json!({ "nodes": 8, "rounds": 12 }),
        ),
        preset(
            "partition",
            "A network splits and heals",
            "Each half agrees on its own, and all on one state as soon as messages pass again.",
            json!({ "nodes": 16, "rounds": 16, "model": "synthetic:16x16", "partition": "2@1..8" }),
        ),
        preset(
            "late",
            "Nodes join late",
            "Four join after the others have agreed, and still end with the same state.",
            json!({
                "nodes": 16, "rounds": 16, "model": "synthetic:16x16", "late_joiners": "4@6",
            }),
        ),
        preset(
            "liars",
            "A third of the nodes lie about their models",
            "Nobody is told who. Watch trust fall until the liars are left out of the merge.",
            json!({
                "nodes": 24, "rounds": 20, "model": "synthetic:16x16", "byzantine": "34%",
                "attack": ["sign-flip", "alie:0.5:1", "min-max:1"], "spread": "mild",
            }),
        ),
        preset(
            "evidence",
            "Liars that convict themselves",
            "They sign two different things with one number, or send what no correct node signs.",
            json!({
                "nodes": 16, "rounds": 20, "model": "synthetic:16x16", "byzantine": "4",
                "attack": ["equivocation", "nan", "copy", "retract-others"],
            }),
        ),
        preset(
            "storm",
            "Everything at once",
            "Messages are lost, repeated and delayed, nodes crash and come back, and liars lie.",
            json!({
                "nodes": 24, "rounds": 40, "model": "synthetic:16x16", "loss": 0.2,
                "duplicate": 0.1, "reorder": 0.2, "crash": 0.02, "partition": "2@5..15",
                "late_joiners": "3@8", "byzantine": "20%", "attack": ["sign-flip", "flood"],
                "until_converged": true,
            }),
        ),
        preset(
            "wide",
            "Virtual time over slow links",
            "Messages take as long as their links do; each node has a clock of its own.",
            json!({
                "nodes": 32, "rounds": 20, "model": "synthetic:32x32", "clock": "periodic",
                "latency": "lognormal:80ms:0.5", "bandwidth": "2MB/s", "loss": 0.05,
            }),
        ),
        preset(
            "large",
            "A thousand nodes",
            "News takes about as many rounds as the number of nodes has binary digits.",
            json!({
                "nodes": 1024, "rounds": 30, "model": "synthetic:8x8", "until_converged": true,
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::admit;
    use crate::limits::Limits;
    use espalier::sim::Config;

    #[test]
    fn every_preset_can_be_run() {
        for preset in all() {
            let config: Config = serde_json::from_value(preset["config"].clone())
                .unwrap_or_else(|error| panic!("{}: {error}", preset["name"]));
            admit(&config, &Limits::default(), None).unwrap_or_else(|p| panic!("{p:?}"));
        }
    }
}
