//! Every target on generated samples, on damaged ones, and on what was found once.

#![expect(clippy::print_stdout, reason = "a failed test shows which input it was")]

use espalier_fuzz::{TARGETS, Target};
use espalier_testkit::alloc::CountingAllocator;
use espalier_testkit::fixture_path;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

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
