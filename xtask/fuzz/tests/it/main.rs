//! Every target on generated samples, on damaged ones, and on what was found once.
//!
//! `ESPALIER_MUTATIONS=1000000 cargo test --release -p espalier-fuzz mutations -- --nocapture`
//! tries so many damaged files of those that a merge reads, the same ones each time.

#![expect(clippy::print_stdout, reason = "a failed test shows which input it was")]
#![expect(clippy::disallowed_methods, reason = "no input may take long, which a clock tells")]

use espalier_fuzz::{TARGETS, Target};
use espalier_testkit::alloc::CountingAllocator;
use espalier_testkit::fixture_path;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The greatest length of a file in the corpus, and of all of them.
const MAX_FILE: usize = 20 << 10;
const MAX_CORPUS: usize = 1 << 20;

/// The inputs of a target that are kept, with their names.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fixture_path("fuzz").join(target.name);
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
    let paths: BTreeSet<_> = paths.collect();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file can be read");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn what_was_found_once_is_right_now() {
    for target in TARGETS {
        for (path, bytes) in corpus(target) {
            println!("{}", path.display());
            (target.check)(&bytes);
        }
    }
}

#[test]
fn samples_and_damaged_samples_do_no_harm() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no sample", target.name);
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        for (number, seed) in seeds.iter().enumerate() {
            println!("{} {number}", target.name);
            (target.check)(seed);
            for _ in 0..16 {
                (target.check)(&damaged(seed, &mut dice));
            }
        }
        (target.check)(&[]);
    }
}

/// The bytes, cut short or with a few of them changed.
fn damaged(bytes: &[u8], dice: &mut u64) -> Vec<u8> {
    let mut below = |limit: usize| {
        // xorshift64 (Marsaglia 2003).
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        (*dice % limit.max(1) as u64) as usize
    };
    let mut bytes = bytes.to_vec();
    if below(3) == 0 {
        bytes.truncate(below(bytes.len()));
    }
    for _ in 0..=below(3) {
        let at = below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = below(256) as u8;
        }
    }
    bytes
}

/// The targets for files that a merge reads.
const FILES: [&str; 5] = ["safetensors", "shards", "recipes", "adapters", "tokenizers"];
/// The environment variable that says how many damaged files are tried, and how many are by
/// default.
const MUTATIONS: (&str, usize) = ("ESPALIER_MUTATIONS", 1_000);
/// Longer than any of them may take.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn mutations_of_files_that_a_merge_reads() {
    let wanted = std::env::var(MUTATIONS.0).ok();
    let wanted = wanted.map_or(MUTATIONS.1, |text| text.parse().expect("a number"));
    let begin = Instant::now();
    for name in FILES {
        let target = espalier_fuzz::target(name).expect("a target");
        let seeds: Vec<_> =
            (target.seeds)().into_iter().chain(corpus(target).into_iter().map(|c| c.1)).collect();
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut longest = Duration::ZERO;
        for number in 0..wanted / FILES.len() {
            let seed = &seeds[number % seeds.len()];
            let other = &seeds[(number / seeds.len()) % seeds.len()];
            let input = mutated(seed, other, &mut dice);
            let start = Instant::now();
            let check = std::panic::catch_unwind(|| (target.check)(&input));
            longest = longest.max(start.elapsed());
            assert!(check.is_ok(), "{name} {number}: {input:?}");
            assert!(longest < SOON, "{name} {number} took {longest:?}: {input:?}");
        }
        println!("{name}: {} files, the slowest {longest:?}", wanted / FILES.len());
    }
    println!("{wanted} files in {:?}", begin.elapsed());
}

/// The bytes with some parts repeated, removed, replaced by those of another input, or by numbers
/// and signs that mean something.
fn mutated(bytes: &[u8], other: &[u8], dice: &mut u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "18446744073709551615",
        "4294967295",
        "-1",
        "0",
        "1e999",
        "{",
        "}",
        "[",
        "]",
        "\"",
        ",",
        ":",
        "null",
        "\u{ff}",
        "\n",
        "../",
    ];
    let mut bytes = damaged(bytes, dice);
    let mut below = |limit: usize| {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        (*dice % limit.max(1) as u64) as usize
    };
    for _ in 0..below(4) {
        let start = below(bytes.len() + 1);
        let end = (start + below(12)).min(bytes.len());
        let with: Vec<u8> = match below(4) {
            0 => Vec::new(),
            1 => bytes[start..end].repeat(2 + below(3)),
            2 => {
                let from = below(other.len() + 1);
                other[from..(from + below(24)).min(other.len())].to_vec()
            }
            _ => WORDS[below(WORDS.len())].as_bytes().to_vec(),
        };
        bytes.splice(start..end, with);
    }
    bytes
}

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let mut sum = 0;
    for target in TARGETS {
        for (path, bytes) in corpus(target) {
            assert!(bytes.len() <= MAX_FILE, "{} is too long", path.display());
            sum += bytes.len();
        }
    }
    assert!(sum <= MAX_CORPUS, "{sum} bytes are too much");
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "names are unique");
    let folders = fs::read_dir(fixture_path("fuzz")).expect("there is a corpus");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned()
    };
    let folders: BTreeSet<_> = folders.map(name).collect();
    // `cargo xtask fuzz` knows the targets by their folders.
    assert!(names.is_subset(&folders), "targets without a folder in fixtures/fuzz");
    if cfg!(feature = "simulator") {
        assert_eq!(folders, names, "folders of fixtures/fuzz without a target");
    }
}
