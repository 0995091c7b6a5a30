//! Fuzz targets: every decoder that takes bytes of strangers.
//!
//! A target takes any bytes, gives them to its decoder, and panics if something does not hold:
//!
//! * the decoder neither panics nor runs on;
//! * its memory is bounded by the length of the input;
//! * what it accepts is written again as it was read, where one value has one encoding.
//!
//! `cargo xtask fuzz` runs them under libFuzzer, which looks for inputs that reach new code. The
//! tests of this crate run them on generated samples, on damaged ones, and on what was found once:
//! `fixtures/fuzz/`. Whoever runs them has to install the counting allocator of
//! `espalier-testkit`.

#[cfg(feature = "simulator")]
#[path = "../../../crates/espalier-cli/src/args/workload.rs"]
mod args;
mod files;
#[cfg(feature = "simulator")]
mod maelstrom;
mod merging;
mod replica;
mod samples;
mod sets;
#[cfg(feature = "simulator")]
mod simulator;

use espalier_testkit::alloc::allocated;

/// A decoder under test.
#[derive(Debug)]
pub struct Target {
    /// Its name, and that of its folder in `fixtures/fuzz/`.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Gives it the bytes, and panics if it does wrong.
    pub check: fn(&[u8]),
    /// Inputs to begin with, of which some are accepted.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "messages",
        about: "messages between replicas, with the batches of operations in them",
        check: replica::messages,
        seeds: samples::messages,
    },
    Target {
        name: "states",
        about: "states in binary form",
        check: replica::states,
        seeds: samples::states,
    },
    Target {
        name: "json-states",
        about: "states in JSON",
        check: replica::json_states,
        seeds: samples::json_states,
    },
    Target {
        name: "operations",
        about: "operations that somebody with a key signs, whatever they say",
        check: replica::operations,
        seeds: samples::operations,
    },
    Target {
        name: "policies",
        about: "policies in JSON and binary form",
        check: replica::policies,
        seeds: samples::policies,
    },
    Target {
        name: "evidence",
        about: "records of evidence, alone, in lists, reports and states",
        check: replica::evidence,
        seeds: samples::evidence,
    },
    Target {
        name: "sets",
        about: "dots, version vectors, causal contexts and OR-Sets",
        check: sets::sets,
        seeds: samples::sets,
    },
    Target {
        name: "proofs",
        about: "proofs of inclusion and of content",
        check: sets::proofs,
        seeds: samples::proofs,
    },
    Target {
        name: "symbols",
        about: "coded symbols of a set",
        check: sets::symbols,
        seeds: samples::symbols,
    },
    Target {
        name: "safetensors",
        about: "safetensors files: header and data",
        check: files::safetensors,
        seeds: samples::safetensors,
    },
    Target {
        name: "shards",
        about: "the index of a model in several safetensors files",
        check: files::shards,
        seeds: samples::shards,
    },
    Target {
        name: "edge-lists",
        about: "edge lists",
        check: files::edge_lists,
        seeds: samples::edge_lists,
    },
    Target {
        name: "recipes",
        about: "merge recipes in YAML, and plans by those that are valid",
        check: files::recipes,
        seeds: samples::recipes,
    },
    Target {
        name: "adapters",
        about: "the two files of a low-rank adapter",
        check: merging::adapters,
        seeds: merging::sample_adapters,
    },
    Target {
        name: "tokenizers",
        about: "tokenizers of every kind, and rows of tokens matched by them",
        check: merging::tokenizers,
        seeds: merging::sample_tokenizers,
    },
    #[cfg(feature = "simulator")]
    Target {
        name: "traces",
        about: "traces of who comes and goes, and matrices of latencies",
        check: simulator::traces,
        seeds: simulator::sample_traces,
    },
    #[cfg(feature = "simulator")]
    Target {
        name: "configurations",
        about: "configurations of runs in JSON, as the page and reports have them",
        check: simulator::configurations,
        seeds: simulator::sample_configurations,
    },
    #[cfg(feature = "simulator")]
    Target {
        name: "reports",
        about: "reports, before anything in them is run again",
        check: simulator::reports,
        seeds: simulator::sample_reports,
    },
    #[cfg(feature = "simulator")]
    Target {
        name: "scenarios",
        about: "scenario files",
        check: simulator::scenarios,
        seeds: simulator::sample_scenarios,
    },
    #[cfg(feature = "simulator")]
    Target {
        name: "maelstrom",
        about: "lines that a Maelstrom node reads",
        check: maelstrom::lines,
        seeds: maelstrom::sample_lines,
    },
];

/// The target with this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// What a decoder may use in any case: buffers of fixed size, errors, what is made once.
const CONSTANT: usize = 64 << 10;

/// Runs a decoder and demands that it never holds more than `per_byte` bytes for each byte of the
/// input, and a constant.
fn within<T>(per_byte: usize, input: &[u8], decode: impl FnOnce() -> T) -> T {
    within_and(per_byte, input, |_| 0, decode)
}

/// The same, and for each byte of what the result has to say in answer.
fn within_and<T>(
    per_byte: usize,
    input: &[u8],
    answer: impl Fn(&T) -> usize,
    decode: impl FnOnce() -> T,
) -> T {
    let (value, memory) = allocated(decode);
    let limit = per_byte * (input.len() + answer(&value)) + CONSTANT;
    assert!(
        memory.peak <= limit,
        "{} bytes were held at once for an input of {}, more than {per_byte} for each and \
         {CONSTANT}",
        memory.peak,
        input.len(),
    );
    value
}
