//! `key` and `state`: the CRDT in a folder, written by several processes at once.

use crate::{Place, simulate};
use espalier::prelude::*;
use espalier::store::{Folder, KeyFile};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

impl Place {
    /// A model in a file.
    fn model(&self, name: &str, values: &[f32]) -> Model {
        let weights = [("w", &[values.len() as u64][..], values), ("b", &[1], &[0.5])];
        let model = Model::from_f32(&weights).unwrap();
        let file = self.path().join(name);
        write_safetensors(&model, &Default::default(), file, true).unwrap();
        model
    }

    fn add(&self, dir: &str, author: &str, model: &str) -> String {
        self.ok(&["state", "add", dir, &format!("{model}.safetensors"), "--key", &key(author)])
    }

    /// Keys of these authors, and a model for each: its number.
    fn authors(&self, names: &[&str]) -> Vec<Model> {
        let made = (1_u8..).zip(names).map(|(number, name)| {
            self.ok(&["key", "new", &key(name)]);
            self.model(&format!("{name}.safetensors"), &[f32::from(number), 4.0])
        });
        made.collect()
    }

    fn show(&self, dir: &str) -> Value {
        serde_json::from_str(&self.ok(&["state", "show", dir, "--json"])).unwrap()
    }

    fn hash(&self, dir: &str) -> String {
        self.show(dir)["state_hash"].as_str().unwrap().to_owned()
    }

    /// Copies files as `cp -r FROM/. TO` does.
    fn copy(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path().join(to)).unwrap();
        let from = self.path().join(from).join(".");
        let mut copy = std::process::Command::new("cp");
        let copied = copy.arg("-r").arg(from).arg(to).current_dir(self.path()).status();
        assert!(copied.unwrap().success());
    }

    fn folder(&self, dir: &str) -> Folder {
        Folder::open(self.path().join(dir)).unwrap()
    }
}

fn key(author: &str) -> String {
    format!("{author}.key")
}

#[test]
fn keys_are_made_shown_and_never_overwritten() {
    let place = Place::new();
    let made = place.ok(&["key", "new", "ada.key"]);
    assert_eq!((made.trim_end().len(), made.lines().count()), (64, 1));
    assert_eq!(place.ok(&["key", "show", "ada.key"]), made);
    let json: Value =
        serde_json::from_str(&place.ok(&["key", "show", "ada.key", "--json"])).unwrap();
    assert_eq!(json, serde_json::json!({ "public_key": made.trim_end() }));
    let said = place.fails(2, &["key", "new", "ada.key"]);
    assert!(said.contains("ada.key exists, and a lost key cannot be replaced"), "{said}");
    assert_eq!(place.ok(&["key", "show", "ada.key"]), made);
    let json: Value = serde_json::from_str(&place.ok(&["key", "new", "b.key", "--json"])).unwrap();
    assert_eq!(json["public_key"].as_str().unwrap().len(), 64);
    assert_eq!(place.ok(&["key", "new", "quiet.key", "--quiet"]), "");
    place.fails(2, &["key", "show", "nowhere.key"]);
    place.fails(3, &["key", "new", "nowhere/ada.key"]);
    assert_eq!(place.files(".").len(), 6);
}

#[test]
#[cfg(unix)]
fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.authors(&["ada"]);
    place.ok(&["state", "init", "team"]);
    let mode = |mode| {
        let file = place.path().join("ada.key");
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    };
    assert_eq!(
        fs::metadata(place.path().join("ada.key")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    mode(0o644);
    for arguments in [
        &["key", "show", "ada.key"][..],
        &["state", "add", "team", "ada.safetensors", "--key", "ada.key"],
    ] {
        let said = place.fails(2, arguments);
        assert!(
            said.contains("others can read the key ada.key; run `chmod 600 ada.key`"),
            "{said}"
        );
    }
    mode(0o600);
    place.add("team", "ada", "ada");
}

/// A matrix whose differences from the base have the singular values 3 and 1 gets 2 and 2.
#[test]
fn a_state_merges_by_the_formula_of_a_recipe() {
    let place = Place::new();
    place.authors(&["ada", "bob"]);
    for (name, values) in
        [("base", [1.0_f32; 4]), ("ada", [7.0, 1.0, 1.0, 1.0]), ("bob", [1.0, 1.0, 1.0, 3.0])]
    {
        let model = Model::from_f32(&[("w", &[2, 2][..], &values)]).unwrap();
        let file = place.path().join(format!("{name}.safetensors"));
        write_safetensors(&model, &Default::default(), file, true).unwrap();
    }
    let said = place.fails(2, &["state", "init", "team", "--strategy", "nearswap"]);
    assert!(
        said.contains("--strategy: `nearswap` works in recipes only: it takes one input"),
        "{said}"
    );
    place.ok(&["state", "init", "team", "--strategy", "iso-c", "--base", "base.safetensors"]);
    place.add("team", "ada", "ada");
    place.add("team", "bob", "bob");
    let said = place.ok(&["state", "resolve", "team", "-o", "merged.safetensors"]);
    assert!(said.starts_with("merged 2 of 2 contributions by iso-c into merged"), "{said}");
    let merged = open_safetensors(place.path().join("merged.safetensors")).unwrap();
    let values = merged.into_model().unwrap().values_f32("w").unwrap();
    for (value, expected) in values.iter().zip([3.0, 1.0, 1.0, 3.0]) {
        assert!((value - expected).abs() < 1e-5, "{values:?}");
    }
}

#[test]
fn three_processes_write_at_once_and_the_model_is_that_of_a_state_in_memory() {
    let place = Place::new();
    let names = ["ada", "bob", "cy"];
    let models = place.authors(&names);
    place.ok(&["state", "init", "team", "--strategy", "trimmed-mean"]);
    let started = names.map(|name| {
        let model = format!("{name}.safetensors");
        let mut command = place.command(&["state", "add", "team", &model, "--key", &key(name)]);
        command.stdout(Stdio::null()).spawn().unwrap()
    });
    for mut child in started {
        assert!(child.wait().unwrap().success());
    }
    let said = place.ok(&["state", "verify", "team"]);
    assert!(said.ends_with("PASS: 3 operations and 4 tensors are whole\n"), "{said}");
    let said = place.ok(&["state", "resolve", "team", "-o", "merged.safetensors"]);
    assert!(said.starts_with("merged 3 of 3 contributions by trimmed-mean into merged"), "{said}");

    let mut state = MergeState::new(place.folder("team").policy().clone());
    for (name, model) in names.iter().zip(models) {
        let seed = place.read(&key(name)).trim_end().parse::<Digest>().unwrap();
        let keypair = Keypair::from_seed(*seed.as_bytes());
        state.add(&keypair, Draft::new(*name, model)).unwrap();
    }
    let file = open_safetensors(place.path().join("merged.safetensors")).unwrap();
    let metadata = file.metadata().clone();
    assert_eq!(file.into_model().unwrap(), state.resolve().unwrap());
    assert_eq!(metadata["espalier_state_hash"], place.hash("team"));
    assert_eq!(metadata["espalier_policy_hash"], state.policy().hash().to_string());
    assert!(metadata["espalier_strategy"].starts_with("trimmed-mean"));
    let roots = state.resolution().unwrap();
    let roots: Vec<_> = roots.voices().iter().map(|voice| voice.root.to_string()).collect();
    assert_eq!(metadata["espalier_contributions"], roots.join(","));
}

#[test]
fn the_state_is_the_same_whichever_way_it_was_copied() {
    let place = Place::new();
    place.authors(&["ada", "bob", "cy"]);
    place.ok(&["state", "init", "one"]);
    place.add("one", "ada", "ada");
    place.copy("one", "two");
    place.ok(&["state", "init", "three", "--policy", "one/policy"]);
    place.add("one", "bob", "bob");
    place.add("two", "cy", "cy");
    place.copy("one", "copied");
    place.copy("two", "copied");
    let said = place.ok(&["state", "merge", "three", "two", "one"]);
    assert!(said.starts_with("took 2 operations and 3 tensors from two\n"), "{said}");
    assert!(said.contains("took 1 operation and 1 tensor from one\n"), "{said}");
    place.ok(&["state", "merge", "one", "two"]);
    let hash = place.hash("copied");
    assert_eq!([place.hash("one"), place.hash("three")], [hash.clone(), hash.clone()]);
    for dir in ["one", "three", "copied"] {
        let out = format!("{dir}.safetensors");
        place.ok(&["state", "resolve", dir, "--output", &out]);
    }
    let read = |name: &str| fs::read(place.path().join(name)).unwrap();
    assert_eq!(read("one.safetensors"), read("three.safetensors"));
    assert_eq!(read("one.safetensors"), read("copied.safetensors"));

    let said = place.ok(&["state", "retract", "one", "--key", "bob.key"]);
    assert!(said.starts_with("retracted 1 contribution from one, as operation 2 of "), "{said}");
    place.copy("one", "copied");
    place.copy("two", "copied");
    let shown = place.show("copied");
    assert_eq!(shown["state_hash"], place.hash("one"));
    assert_ne!(shown["state_hash"], hash);
    assert_eq!(
        (&shown["tombstones"], shown["contributions"].as_array().unwrap().len()),
        (&1.into(), 2)
    );
}

#[test]
fn a_tensor_that_is_missing_is_said_until_it_arrives() {
    let place = Place::new();
    place.authors(&["ada", "bob"]);
    place.ok(&["state", "init", "team"]);
    place.add("team", "ada", "ada");
    place.add("team", "bob", "bob");
    let whole = place.show("team");
    place.copy("team", "copy");
    let root = place.folder("team").load().unwrap().state;
    let bob = KeyFile::public_key(place.path().join("bob.key")).unwrap();
    let his = root.live().find(|entry| entry.op().op().author == bob).unwrap();
    let tensors = his.op().contribution().unwrap().manifest.tensors();
    let digest = tensors.iter().find(|meta| meta.name == "w").unwrap().content.to_string();
    fs::remove_file(place.path().join(format!("copy/tensors/{digest}"))).unwrap();

    let shown = place.show("copy");
    assert_eq!(shown["state_hash"], whole["state_hash"]);
    assert_eq!(shown["missing"], serde_json::json!([digest]));
    let reasons: Vec<_> = shown["contributions"].as_array().unwrap().iter().collect();
    assert!(reasons.iter().all(|shown| shown["in_merge"] == false && shown["trust"].is_null()));
    let of_bob = reasons.iter().find(|shown| shown["author"] == bob.to_string()).unwrap();
    assert_eq!(of_bob["reason"], "1 of its 2 tensors missing");
    assert!(
        place.ok(&["state", "show", "copy"]).contains("1 tensor missing: copy the rest, or run")
    );
    let said = place.fails(3, &["state", "resolve", "copy", "-o", "merged.safetensors"]);
    assert!(
        said.contains("1 tensor missing: copy the rest, or run `espalier state merge copy OTHER`"),
        "{said}"
    );
    let ran = place.run(&["state", "verify", "copy"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains(&format!("FAIL: 1 tensor missing of `bob` by {bob}\n")),
        "{}",
        ran.stdout
    );

    place.ok(&["state", "merge", "copy", "team"]);
    assert_eq!(place.show("copy"), whole);
    place.ok(&["state", "verify", "copy"]);
}

#[test]
fn damaged_files_are_passed_over_and_named() {
    let place = Place::new();
    place.authors(&["ada", "bob"]);
    place.ok(&["state", "init", "team"]);
    place.add("team", "ada", "ada");
    let before = place.hash("team");
    place.copy("team", "copy");
    let first = place.files("copy/ops");
    place.add("team", "bob", "bob");
    place.copy("team", "copy");
    let whole = place.hash("copy");
    let second = place.files("copy/ops").into_iter().find(|name| !first.contains(name)).unwrap();
    let file = place.path().join("copy/ops").join(&second);
    let bytes = fs::read(&file).unwrap();
    fs::write(place.path().join("copy/notes.txt"), "hello").unwrap();
    for hurt in
        [&bytes[..bytes.len() / 2], &[&bytes[..9], &[bytes[9] ^ 1], &bytes[10..]].concat(), b""]
    {
        fs::write(&file, hurt).unwrap();
        assert_eq!(place.hash("copy"), before);
        let ran = place.run(&["state", "verify", "copy"]);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        let named = format!("FAIL: ops/{second}: half copied, damaged or misnamed\n");
        assert!(ran.stdout.contains(&named), "{}", ran.stdout);
        assert!(ran.stdout.contains("note: notes.txt: not a file of a state\n"), "{}", ran.stdout);
        let ran = place.run(&["state", "verify", "copy", "--json"]);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(
            (ran.code, &json["pass"], &json["state_hash"]),
            (1, &false.into(), &before.clone().into())
        );
        let said = place.ok(&["state", "show", "copy"]);
        assert!(said.contains("1 file of no use"), "{said}");
    }
    place.ok(&["state", "merge", "copy", "team"]);
    assert_eq!(place.hash("copy"), whole);
    place.ok(&["state", "verify", "copy"]);
    // Half a policy is none.
    fs::write(
        place.path().join("copy/policy"),
        &fs::read(place.path().join("team/policy")).unwrap()[..20],
    )
    .unwrap();
    assert!(place.fails(2, &["state", "show", "copy"]).contains("copy/policy: not a policy"));
}

#[test]
fn a_key_on_a_second_machine_does_not_use_a_number_again() {
    let place = Place::new();
    place.authors(&["ada"]);
    place.model("other.safetensors", &[8.0, 8.0]);
    place.ok(&["state", "init", "team"]);
    place.add("team", "ada", "ada");
    place.copy("team", "second");
    place.add("team", "ada", "other");
    place.model("third.safetensors", &[9.0, 8.0]);
    let refused = ["state", "add", "second", "third.safetensors", "--key", "ada.key"];
    let said = place.fails(2, &refused);
    assert!(said.contains("second lacks operations: ada.key has signed number 2"), "{said}");
    assert!(said.contains("merge a newer copy of the folder into it, or use a new key"), "{said}");
    let said = place.fails(2, &["state", "retract", "second", "--key", "ada.key"]);
    assert!(said.contains("lacks operations"), "{said}");
    // Only half of it was brought along.
    fs::copy(place.path().join("ada.key"), place.path().join("copy.key")).unwrap();
    let said =
        place.fails(2, &["state", "add", "second", "third.safetensors", "--key", "copy.key"]);
    assert!(said.contains("copy.key.seq is missing"), "{said}");
    place.ok(&["state", "merge", "second", "team"]);
    place.ok(&refused);
    assert_eq!(place.folder("second").load().unwrap().state.evidence().convicted().len(), 0);
}

#[test]
#[cfg(unix)]
fn a_process_that_is_killed_while_it_adds_leaves_nothing_that_harms() {
    let place = Place::new();
    place.authors(&["ada", "bob"]);
    place.ok(&["state", "init", "team"]);
    place.add("team", "bob", "bob");
    let long: Vec<f32> = (0..1_000_000).map(|i| i as f32).collect();
    for attempt in 0..12_u64 {
        place.model("long.safetensors", &[&[attempt as f32], &long[..]].concat());
        let arguments = ["state", "add", "team", "long.safetensors", "--key", "ada.key"];
        let mut child = place.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(3 * attempt));
        let _ = child.kill();
        child.wait().unwrap();
        let ran = place.run(&["state", "verify", "team"]);
        assert_eq!(ran.code, 0, "{}", ran.stdout);
    }
    place.add("team", "ada", "ada");
    let state = place.folder("team").load().unwrap().state;
    assert!(state.evidence().convicted().is_empty());
    let left = ["team", "team/ops", "team/tensors"].map(|dir| place.files(dir)).concat();
    assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
    let said = place.ok(&["state", "resolve", "team", "-o", "merged.safetensors"]);
    assert!(said.starts_with("merged 2 of 2 "), "{said}");
}

#[test]
fn members_alone_contribute_and_the_roster_says_who_has() {
    let place = Place::new();
    place.authors(&["ada", "bob", "eve"]);
    let public =
        |name: &str| KeyFile::public_key(place.path().join(key(name))).unwrap().to_string();
    let (ada, bob) = (public("ada"), public("bob"));
    place.ok(&["state", "init", "team", "--member", &ada, "--member", &bob]);
    place.add("team", "ada", "ada");
    let said = place.fails(2, &["state", "add", "team", "eve.safetensors", "--key", "eve.key"]);
    assert!(said.contains("--key: eve.key") && said.contains("not on the roster"), "{said}");
    let mut rows = [format!("{ada}  `ada`"), format!("{bob}  nothing")];
    rows.sort();
    assert_eq!(place.ok(&["state", "roster", "team"]), rows.join("\n") + "\n");
    let shown = place.show("team");
    let members: Vec<_> = shown["members"].as_array().unwrap().iter().collect();
    assert_eq!(members.len(), 2);
    assert_eq!(
        (&shown["contributions"][0]["author"], &shown["contributions"][0]["name"]),
        (&ada.into(), &"ada".into())
    );
    assert_eq!(
        (&shown["contributions"][0]["in_merge"], &shown["contributions"][0]["weight"]),
        (&true.into(), &1.0.into())
    );
    let said = place.fails(2, &["state", "init", "other", "--member", "ada"]);
    assert!(said.contains("must be 64 lower-case hexadecimal digits"), "{said}");
}

#[test]
fn a_base_and_parameters_come_with_the_state() {
    let place = Place::new();
    place.authors(&["ada", "bob"]);
    place.model("base.safetensors", &[0.0, 4.0]);
    let ties = ["--strategy", "ties", "--param", "density=0.5"];
    let needs = place.fails(2, &[&["state", "init", "team"], &ties[..]].concat());
    assert!(needs.contains("--strategy: ties needs a base model; give it with --base"), "{needs}");
    let line = [&["state", "init", "team", "--base", "base.safetensors"], &ties[..]].concat();
    place.ok(&line);
    place.add("team", "ada", "ada");
    place.add("team", "bob", "bob");
    place.ok(&["state", "resolve", "team", "-o", "merged.safetensors"]);
    // Another folder of the same state, of which only what was contributed comes along.
    let said = place.fails(2, &["state", "init", "mine", "--policy", "team/policy"]);
    assert!(said.contains("give that with --base"), "{said}");
    let line = ["state", "init", "mine", "--policy", "team/policy", "--base"];
    let said = place.fails(2, &[&line[..], &["ada.safetensors"]].concat());
    assert!(said.contains("not the base model"), "{said}");
    place.ok(&[&line[..], &["base.safetensors"]].concat());
    place.ok(&["state", "merge", "mine", "team"]);
    assert_eq!(place.hash("mine"), place.hash("team"));
    place.model("wide.safetensors", &[1.0, 2.0, 3.0]);
    let said = place.fails(2, &["state", "add", "team", "wide.safetensors", "--key", "ada.key"]);
    assert!(
        said.contains(
            "wide.safetensors: the model does not have the federation's schema: tensor `w`"
        ),
        "{said}"
    );
    // A policy in JSON says the same.
    let spec = serde_json::to_string(place.folder("team").policy().spec()).unwrap();
    fs::write(place.path().join("policy.json"), spec).unwrap();
    let line = ["state", "init", "json", "--policy", "policy.json", "--base", "base.safetensors"];
    place.ok(&line);
    assert_eq!(place.folder("json").policy(), place.folder("team").policy());
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    let place = Place::new();
    place.authors(&["ada", "bob"]);
    place.ok(&["state", "init", "team"]);
    place.ok(&["state", "init", "other", "--strategy", "median"]);
    let add = |more: &[&'static str]| {
        [&["state", "add", "team", "ada.safetensors", "--key", "ada.key"], more].concat()
    };
    for (arguments, part) in [
        (vec!["state", "init", "team"], "team already contains a state"),
        (vec!["state", "init", "x", "--strategy", "medain"], "did you mean `median`?"),
        (vec!["state", "init", "x", "--param", "f=1"], "--param: "),
        (vec!["state", "init", "x", "--param", "buffers=mean", "--param", "buffers=mean"], "twice"),
        (vec!["state", "init", "x", "--policy", "team/policy", "--strategy", "median"], "--policy"),
        (vec!["state", "init", "x", "--policy", "ada.key"], "--policy: ada.key"),
        (vec!["state", "show", "nowhere"], "begin one with `espalier state init nowhere`"),
        (vec!["state", "merge", "team", "other"], "other has another policy than team"),
        (vec!["state", "merge", "team", "nowhere"], "nowhere is not a state"),
        (vec!["state", "resolve", "team", "-o", "x"], "no contribution is left to merge"),
        (vec!["state", "resolve", "team", "-o", "team/x"], "--output: it lies in team"),
        (vec!["state", "retract", "team", "--key", "ada.key"], "has no contribution in team"),
        (vec!["state", "add", "team", "x.safetensors", "--key", "ada.key"], "x.safetensors"),
        (vec!["state", "add", "team", "ada.safetensors", "--key", "x.key"], "x.key"),
        (add(&["--weight", "0"]), "must be a number above 0"),
        (add(&["--weight", "-1"]), "must be a number above 0"),
        (add(&["--round", "-1"]), "must be a whole number"),
        (vec!["state", "show", "team", "--quiet"], "--quiet: does nothing without --json"),
        (vec!["state"], "Usage"),
        (vec!["key"], "Usage"),
    ] {
        let said = place.fails(2, &arguments);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    assert!(!place.path().join("x").exists());
    place.ok(&add(&["--name", "first", "--weight", "2.5", "--round", "1"]));
    let shown = &place.show("team")["contributions"][0];
    assert_eq!((&shown["name"], &shown["weight"]), (&"first".into(), &2.5.into()));
    let said =
        place.fails(2, &["state", "retract", "team", "--key", "ada.key", "--name", "second"]);
    assert!(said.contains("yours in team is called `first`"), "{said}");
    let said = place.fails(2, &["state", "add", "team", "ada.safetensors", "--key", "bob.key"]);
    assert!(said.contains("this would be a copy"), "{said}");
    place.ok(&["state", "resolve", "team", "-o", "x"]);
    let said = place.fails(2, &["state", "resolve", "team", "-o", "x"]);
    assert!(said.contains("x exists; use --force"), "{said}");
    place.ok(&["state", "resolve", "team", "-o", "x", "--force"]);
    // A key for two states is said to be one too many.
    place.model("more.safetensors", &[5.0, 5.0]);
    let said = place.ok(&["state", "add", "other", "more.safetensors", "--key", "ada.key"]);
    assert!(said.contains("note: this key signs for states with other policies too"), "{said}");
    place.model("nan.safetensors", &[f32::NAN, 5.0]);
    let said = place.fails(2, &["state", "add", "team", "nan.safetensors", "--key", "bob.key"]);
    assert!(said.contains("element 0 of tensor `w` is NaN"), "{said}");
    assert_eq!(place.files("team/ops").len(), 1);
}

#[test]
fn whom_the_merge_leaves_out_is_said_with_the_reason() {
    let place = Place::new();
    let names = ["ada", "bob", "cy", "di", "eve"];
    for (number, name) in (0_u8..).zip(names) {
        place.ok(&["key", "new", &key(name)]);
        let near = 1.0 + f32::from(number) / 100.0;
        let far = if name == "eve" { -500.0 } else { near };
        place.model(&format!("{name}.safetensors"), &[far; 64]);
    }
    place.ok(&["state", "init", "team"]);
    names.iter().for_each(|name| drop(place.add("team", name, name)));
    let eve = KeyFile::public_key(place.path().join("eve.key")).unwrap().to_string();
    let shown = place.show("team");
    for shown in shown["contributions"].as_array().unwrap() {
        let is_eve = shown["author"] == eve;
        assert_eq!(shown["in_merge"] == false, is_eve, "{shown}");
        assert_eq!(shown["reason"].is_null(), !is_eve, "{shown}");
    }
    let said = place.ok(&["state", "resolve", "team", "-o", "merged.safetensors"]);
    assert!(said.contains("merged 4 of 5 "), "{said}");
    assert!(said.contains("next: espalier state show team says why not all"), "{said}");
    assert!(place.ok(&["state", "show", "team"]).contains("isolated: it does not agree"));
}

#[test]
fn a_run_saves_the_model_that_it_merged() {
    let place = Place::new();
    let flags = ["--save-model", "merged.safetensors", "--json", "report.json"];
    place.ok(&simulate(&flags));
    let report: Value = serde_json::from_str(&place.read("report.json")).unwrap();
    let file = open_safetensors(place.path().join("merged.safetensors")).unwrap();
    assert_eq!(file.metadata()["espalier_state_hash"], report["summary"]["final_state_hash"]);
    let root = file.into_model().unwrap().root().to_string();
    assert_eq!(report["summary"]["final_model_hash"], root);
    let said = place.fails(2, &simulate(&["--save-model", "merged.safetensors", "--out", "new"]));
    assert!(said.contains("--save-model: merged.safetensors exists; use --force"), "{said}");
    place.ok(&simulate(&["--save-model", "merged.safetensors", "--force", "--log", "log.jsonl"]));
    let counted = ["--save-model", "x", "--wire", "counted", "--out", "counted"];
    let said = place.fails(2, &simulate(&counted));
    assert!(said.contains("--save-model: counted replicas merge no models"), "{said}");
    assert!(!place.path().join("x").exists() && !place.path().join("counted").exists());
}
