//! What the documents show of the command, run again: every `console` block of `README.md` and
//! below `docs/`, line by line.
//!
//! A line after `$ ` is a command, and `\` at its end continues it. The lines below are what it
//! prints; a line `…` stands for any number of them, and a command with nothing below it is only
//! run. In blocks marked `console,left` lines are cut on the right. The commands of a block run in
//! one folder.

use crate::Place;
use std::fs;
use std::path::{Path, PathBuf};

/// A command in a document, and what the document says that it prints.
#[derive(Debug)]
struct Shown {
    /// Where it stands, from 1.
    line: usize,
    command: String,
    output: Vec<String>,
}

/// The commands of a `console` block.
#[derive(Debug)]
struct Block {
    commands: Vec<Shown>,
    /// Whether lines are cut on the right.
    left: bool,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((_, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```console") else { continue };
        let mut commands: Vec<Shown> = Vec::new();
        let mut continued = false;
        for (line, text) in lines.by_ref().take_while(|(_, text)| !text.starts_with("```")) {
            if let Some(command) = text.strip_prefix("$ ") {
                commands.push(Shown { line, command: command.to_owned(), output: Vec::new() });
            } else {
                let shown = commands.last_mut().expect("a block begins with a command");
                if continued {
                    shown.command += text;
                } else {
                    shown.output.push(text.to_owned());
                    continue;
                }
            }
            let command = &mut commands.last_mut().expect("one was added").command;
            continued = command.ends_with('\\');
            *command = command.trim_end_matches('\\').to_owned();
        }
        blocks.push(Block { commands, left: kind == ",left" });
    }
    blocks
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The words after the command's name, with files of the repository named from anywhere.
fn arguments(command: &str) -> Vec<String> {
    let ours = ["cargo run --release -- ", "espalier "];
    let words = ours.iter().find_map(|name| command.strip_prefix(name));
    let words = words.unwrap_or_else(|| panic!("{command:?} does not run espalier"));
    let place = |word: &str| match word.starts_with("fixtures/") {
        true => root().join(word).display().to_string(),
        false => word.to_owned(),
    };
    words.split_whitespace().map(place).collect()
}

/// Whether `printed` is what `shown` says.
fn agree(shown: &[String], printed: &str, left: bool) -> bool {
    let mut printed = printed.lines();
    let mut skipping = shown.is_empty();
    for shown in shown {
        if shown == "…" {
            skipping = true;
            continue;
        }
        let same = |line: &str| line == shown || left && line.starts_with(shown.as_str());
        let found = match skipping {
            true => printed.any(same),
            false => printed.next().is_some_and(same),
        };
        if !found {
            return false;
        }
        skipping = false;
    }
    skipping || printed.next().is_none()
}

/// Runs all blocks of a document; what is printed otherwise than shown.
fn differences(document: &Path) -> Vec<String> {
    let mut differences = Vec::new();
    for Block { commands, left } in blocks(&fs::read_to_string(document).unwrap()) {
        let place = Place::new();
        for Shown { line, command, output } in commands {
            let words = arguments(&command);
            let ran = place.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
            if !agree(&output, &ran.stdout, left) {
                let place = format!("{}:{line}", document.display());
                differences.push(format!("{place}: {command}\n{}", ran.stdout));
            }
        }
    }
    differences
}

#[track_caller]
fn is_current(document: &str) {
    let differences = differences(&root().join(document));
    assert!(differences.is_empty(), "printed now:\n\n{}", differences.join("\n"));
}

#[test]
fn the_readme_shows_what_is_printed() {
    is_current("README.md");
}

#[test]
fn documents_show_what_is_printed() {
    let mut documents: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    documents.sort();
    documents.iter().for_each(|document| is_current(document));
}

#[test]
fn blocks_are_read_with_their_commands() {
    let text = "```console,left\n$ espalier a \\\n    --b\none\ntwo\n$ espalier c\n```\n\
                ```text\n$ d\n```\n";
    let blocks = blocks(text);
    assert_eq!(blocks.len(), 1);
    let [first, second] = &blocks[0].commands[..] else { panic!("{blocks:?}") };
    assert!(blocks[0].left && first.line == 2 && second.output.is_empty());
    assert_eq!(arguments(&first.command), ["a", "--b"]);
    assert_eq!((first.output.len(), second.line), (2, 6));
}

#[test]
fn lines_may_be_left_out_only_where_that_is_said() {
    let agree = |shown: &str, left| {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        agree(&shown, "a b\nc\nd\n", left)
    };
    for fine in ["", "a b\nc\nd", "a b\n…", "…\nd", "a b\n…\nd", "…\nc\n…"] {
        assert!(agree(fine, false), "{fine:?}");
    }
    for wrong in ["a b\nc", "a b\nd", "…\nc", "a\nc\nd", "a b\nc\nd\ne", "…\nc\na b\n…"] {
        assert!(!agree(wrong, false), "{wrong:?}");
    }
    assert!(agree("a\nc\nd", true));
}
