//! Names from strangers: whatever they are called, the terminal obeys none of them.

use crate::{Place, simulate};
use std::fs;

/// A title in colours, bells, directions, no width, and ends of lines of every kind.
const HOSTILE: &str =
    "x\x1b[31mRED\x07\x08\x7f\u{9b}2J\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\r\nPASS: ok";

/// Nothing but text and ends of lines, and no line that a name made up.
#[track_caller]
fn assert_plain(what: &str, text: &str) {
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || c == '\u{feff}'
    };
    assert!(!text.contains(hidden), "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("PASS: ok")), "{what}: {text:?}");
}

#[track_caller]
fn plain(place: &Place, code: i32, arguments: &[&str]) -> String {
    let ran = place.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    let said = ran.stdout + &ran.stderr;
    assert_plain(&format!("{arguments:?}"), &said);
    said
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// As it stands in JSON.
fn quoted() -> String {
    serde_json::to_string(HOSTILE).unwrap()
}

#[test]
fn names_of_tensors_and_shards() {
    let place = Place::new();
    let write = |name: &str, bytes: &[u8]| fs::write(place.path().join(name), bytes).unwrap();
    let name = quoted();
    let entry = |dtype: &str, start: u64, end: u64| {
        format!(r#"{{{name}:{{"dtype":{dtype},"shape":[4],"data_offsets":[{start},{end}]}}}}"#)
    };
    for (header, part) in [
        (entry("\"F32\"", 1, 17), "RED"),
        (entry("\"F32\"", 0, 15), "RED"),
        (entry(&name, 0, 16), "RED"),
        (format!(r#"{{"a":{{{name}:1}}}}"#), "RED"),
    ] {
        write("m.safetensors", &safetensors(&header, 16));
        let said = plain(&place, 2, &["simulate", "--model", "m.safetensors"]);
        assert!(said.contains(part) && said.lines().count() == 1, "{said}");
    }
    write("m.safetensors", HOSTILE.as_bytes());
    plain(&place, 2, &["simulate", "--model", "m.safetensors"]);
    let index = format!(r#"{{"weight_map":{{{name}:{name}}}}}"#);
    write("m.safetensors.index.json", index.as_bytes());
    plain(&place, 2, &["simulate", "--model", "m.safetensors.index.json"]);
    // Two models that differ in a tensor of that name.
    fs::create_dir(place.path().join("two")).unwrap();
    let good = |name: &str| {
        let header = format!(r#"{{{name}:{{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}}}"#);
        safetensors(&header, 16)
    };
    write("two/a.safetensors", &good("\"w\""));
    write("two/b.safetensors", &good(&name));
    plain(&place, 2, &["simulate", "--model", "two"]);
    // And one that runs.
    write("good.safetensors", &good(&name));
    let flags = ["simulate", "--model", "good.safetensors", "--nodes", "3", "--rounds", "3"];
    plain(&place, 0, &flags);
}

#[test]
fn names_of_files_and_folders_and_words_of_the_command_line() {
    let place = Place::new();
    // A file cannot have all of these in its name everywhere; a slash would be a folder.
    let name = HOSTILE;
    fs::create_dir(place.path().join(name)).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    fs::write(place.path().join(name).join("bad"), "bad").unwrap();
    let bad = format!("{name}/bad");
    let absent = format!("{name}/absent");
    for (code, arguments) in [
        (2, vec!["simulate", "--model", &bad]),
        (2, vec!["simulate", "--model", &absent]),
        (2, vec!["simulate", "--model", name]),
        (2, vec!["simulate", "--scenario", &bad]),
        (2, vec!["simulate", "--scenario", &absent]),
        (2, vec!["simulate", "--replay", &bad]),
        (2, vec!["simulate", "--replay", &absent]),
        (2, vec!["verify", &bad]),
        (2, vec!["verify", &absent]),
        (2, vec!["verify", "--evidence", &bad]),
        (2, vec!["trace", "--report", &absent]),
        (2, vec!["trace", "--report", &bad]),
        (2, vec!["swarm", "--replay", &bad]),
        (2, vec!["swarm", "--replay", &absent]),
        (2, vec!["simulate", "--topology", name]),
        (2, vec!["simulate", "--attack", name]),
        (2, vec!["simulate", "--strategy", name]),
        (2, vec!["simulate", "--nodes", name]),
        (2, vec!["simulate", name]),
        (2, vec![name]),
        (3, vec!["man", "--out", "file/below"]),
    ] {
        plain(&place, code, &arguments);
    }
    for (flag, path) in [("--topology", "file:"), ("--churn", "file:"), ("--latency", "file:")] {
        for (file, text) in [(&bad, "bad"), (&absent, ""), (&bad, name)] {
            if !text.is_empty() {
                fs::write(place.path().join(file), text).unwrap();
            }
            let value = format!("{path}{file}");
            let mut arguments = simulate(&[flag, &value]);
            if flag != "--topology" {
                arguments.extend(["--clock", "periodic"]);
            }
            plain(&place, 2, &arguments);
        }
    }
    // Outputs of that name: refused, and written.
    plain(&place, 3, &simulate(&["--json", &format!("{absent}/x")]));
    plain(&place, 3, &simulate(&["--log", &format!("{absent}/x")]));
    plain(&place, 0, &simulate(&["--out", &absent]));
    plain(&place, 2, &simulate(&["--out", &absent]));
    plain(&place, 2, &simulate(&["--out", "o", "--json", &bad]));
}

#[test]
fn states_of_strangers() {
    let place = Place::new();
    let name = HOSTILE;
    let header = format!(r#"{{{}:{{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}}}"#, quoted());
    fs::write(place.path().join("m.safetensors"), safetensors(&header, 16)).unwrap();
    fs::write(place.path().join("bad"), "bad").unwrap();
    let key = format!("{name}.key");
    let out = format!("{name}.safetensors");
    for (code, arguments) in [
        (0, vec!["key", "new", &key]),
        (2, vec!["key", "new", &key]),
        (2, vec!["key", "show", name]),
        (2, vec!["state", "show", name]),
        (2, vec!["state", "init", name, "--strategy", name]),
        (2, vec!["state", "init", name, "--policy", name]),
        (2, vec!["state", "init", name, "--member", name]),
        (0, vec!["state", "init", name]),
        (2, vec!["state", "init", name]),
        (2, vec!["state", "add", name, "bad", "--key", &key]),
        (2, vec!["state", "add", name, "m.safetensors", "--key", name]),
        (0, vec!["state", "add", name, "m.safetensors", "--key", &key]),
        (2, vec!["state", "retract", name, "--key", &key, "--name", name]),
        (2, vec!["state", "merge", name, "bad"]),
        (0, vec!["state", "merge", name, name]),
        (0, vec!["state", "show", name]),
        (0, vec!["state", "show", name, "--json"]),
        (0, vec!["state", "roster", name]),
        (0, vec!["state", "resolve", name, "-o", &out]),
        (2, vec!["state", "resolve", name, "-o", &out]),
        (0, vec!["state", "verify", name]),
        (0, vec!["state", "verify", name, "--json"]),
        (0, vec!["state", "retract", name, "--key", &key]),
    ] {
        plain(&place, code, &arguments);
    }
    fs::create_dir(place.path().join(name).join("ops").join(name)).unwrap();
    fs::write(place.path().join(name).join(name), "").unwrap();
    plain(&place, 0, &["state", "verify", name]);
}

#[test]
fn titles_of_scenarios_and_names_of_runs() {
    let place = Place::new();
    // TOML writes such characters as JSON does.
    let name = quoted().replace("\\u001b", "\\u001B").replace("\x7f", "\\u007F");
    let text = format!(
        "title = {name}\nseeds = 1\n[[run]]\nname = \"a\"\nnodes = 4\nrounds = 3\n\
         model = \"synthetic:4\"\n"
    );
    fs::write(place.path().join("s.toml"), &text).unwrap();
    plain(&place, 0, &["simulate", "--scenario", "s.toml"]);
    for (from, to) in [("\"a\"", name.as_str()), ("nodes", &name), ("\"synthetic:4\"", &name)] {
        fs::write(place.path().join("t.toml"), text.replace(from, to)).unwrap();
        plain(&place, 2, &["simulate", "--scenario", "t.toml"]);
    }
}

/// Every text in a report replaced by one that is hostile, one at a time by its key.
#[test]
fn reports_and_records_of_strangers() {
    let place = Place::new();
    place.ok(&simulate(&["--quiet", "--byzantine", "1", "--attack", "retract-others"]));
    let report: serde_json::Value =
        serde_json::from_str(&place.read("espalier-report/report.json")).unwrap();
    fn poison(value: &mut serde_json::Value, key: &str, wanted: &str) {
        match value {
            serde_json::Value::String(text) if key == wanted => *text = HOSTILE.into(),
            serde_json::Value::Array(items) => {
                items.iter_mut().for_each(|item| poison(item, key, wanted));
            }
            serde_json::Value::Object(entries) => {
                entries.iter_mut().for_each(|(key, value)| poison(value, key, wanted));
            }
            _ => {}
        }
    }
    for key in ["author", "kind", "text", "what", "name", "node", "form", "sampled_nodes", "model"]
    {
        let mut hostile = report.clone();
        poison(&mut hostile, "", key);
        fs::write(place.path().join("hostile.json"), hostile.to_string()).unwrap();
        for arguments in [
            &["trace", "--report", "hostile.json"][..],
            &["trace", "--report", "hostile.json", "--json"],
            &["verify", "hostile.json"],
            &["verify", "--evidence", "hostile.json"],
        ] {
            let ran = place.run(arguments);
            assert!(ran.code <= 2, "{key} {arguments:?}: {}", ran.stderr);
            assert_plain(&format!("{key} {arguments:?}"), &(ran.stdout + &ran.stderr));
        }
    }
}
