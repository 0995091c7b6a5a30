//! Help, completions and manual come from one definition.

use crate::Place;

/// The flags of `simulate` as they are specified, with their defaults.
const SIMULATE: &str = "\
--nodes [8] --rounds [20] --until-converged
--topology random|ring|star|complete|line|torus|hypercube|regular:K|\
erdos-renyi:P|watts-strogatz:K:B|barabasi-albert:M|file:PATH [random]
--schedule random|scheduled [random] --order sequential|synchronous [sequential]
--exchange delta|full-state|intervals|broadcast [delta]
--strategy NAME [weight-average] --param KEY=VALUE --model digits|synthetic:SHAPE|PATH [digits]
--late-joiners COUNT@ROUND --partition PARTS@FROM..UNTIL --loss P --duplicate P --reorder P
--delay ROUNDS --crash P --retract NODE@ROUND --byzantine COUNT|PERCENT%
--attack NAME[:PARAM] --spread iid|mild|strong|dirichlet:A|clusters:K
--retrain EVERY --metrics full|sample:K|off
--seed [1] --threads [all] --save-model FILE --out DIR --json FILE|- --require-convergence";

/// Help with every run of spaces and line breaks as one space.
fn help(place: &Place, arguments: &[&str]) -> String {
    let text = place.ok(arguments);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn simulate_has_every_flag_form_and_default_of_its_specification() {
    let place = Place::new();
    let text = help(&place, &["simulate", "--help"]);
    let mut flags = 0;
    for word in SIMULATE.split_whitespace() {
        if let Some(default) = word.strip_prefix('[') {
            let default = default.trim_end_matches(']');
            assert!(text.contains(&format!("[default: {default}")), "default {default}");
        } else if word.starts_with("--") {
            assert!(text.contains(&format!("{word} ")), "{word}");
            flags += 1;
        } else if !matches!(word, "NAME[:PARAM]" | "NAME" | "DIR" | "FILE") {
            for form in word.split('|').filter(|form| !matches!(*form, "PATH" | "PERCENT%" | "-")) {
                assert!(text.contains(form), "{form}");
            }
        }
    }
    assert_eq!(flags, 30 - 1);
    // Every attack and strategy that can be named.
    for name in
        ["sign-flip", "scale:K", "gaussian:S", "nan", "inf", "equivocation", "retract-others"]
    {
        assert!(text.contains(name), "{name}");
    }
    for strategy in ["slerp", "task-arithmetic", "ties", "dare-linear", "median", "trimmed-mean"] {
        assert!(text.contains(strategy), "{strategy}");
    }
    assert!(text.contains("Examples: espalier simulate"));
}

#[test]
fn every_command_has_help_with_what_it_takes() {
    let place = Place::new();
    let expected: [(&[&str], &[&str]); 19] = [
        (&["swarm"], &["--seeds", "--minutes", "--replay", "--fixed", "--out", "Examples:"]),
        (&["serve"], &["--port", "[default: 7777]", "--listen", "--token", "Ctrl-C", "Examples:"]),
        (
            &["trace"],
            &["--report", "--json", "--nodes", "--retract", "Examples:", "(4 in `trace`)"],
        ),
        (&["verify"], &["[REPORT]", "report.json", "--evidence"]),
        (&["exchanges"], &["--nodes", "--latency", "--json", "Examples:", "[default: complete]"]),
        (&["rounds"], &["--nodes", "--topology", "--csv", "[default: 8,64,1024]", "minutes"]),
        (&["key", "new"], &["<FILE>", "FILE.seq", "--json", "Examples:"]),
        (&["key", "show"], &["<FILE>", "--json", "Examples:"]),
        (
            &["state", "init"],
            &[
                "--strategy",
                "--param",
                "--base",
                "--member",
                "--policy",
                "[default: weight-average]",
            ],
        ),
        (&["state", "add"], &["<MODEL>", "--key", "--name", "--weight", "--round", "Examples:"]),
        (&["state", "retract"], &["<DIR>", "--key", "--name", "Examples:"]),
        (&["state", "merge"], &["<DIR>", "<OTHER>...", "cp -r", "rsync"]),
        (&["state", "resolve"], &["--output", "-o", "--force", "Examples:"]),
        (&["state"], &["init", "add", "retract", "merge", "show", "resolve", "verify", "roster"]),
        (&["selfcheck"], &["--quiet", "--threads"]),
        (&["maelstrom"], &["broadcast", "g-set", "--period", "[default: 100]", "--bin ./node"]),
        (&["completions"], &["bash", "zsh", "fish", "elvish", "powershell"]),
        (&["man"], &["--out"]),
        (&[], &["simulate", "trace", "verify", "selfcheck", "completions", "man", "Exit codes"]),
    ];
    for (command, parts) in expected {
        let text = help(&place, &[command, &["--help"]].concat());
        for part in parts {
            assert!(text.contains(part), "{command:?}: no {part} in {text}");
        }
        let short = help(&place, &[command, &["-h"]].concat());
        assert!(short.len() <= text.len());
    }
    assert!(place.ok(&["--version"]).starts_with("espalier "));
}

#[test]
fn completions_are_there_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.ok(&["completions", shell]);
        for word in ["simulate", "until-converged", "require-convergence"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_manual_has_a_page_per_command() {
    let place = Place::new();
    let page = place.ok(&["man"]);
    assert!(page.contains(".TH espalier 1") && page.contains("espalier\\-simulate(1)"), "{page}");
    assert_eq!(place.ok(&["man", "--out", "pages/deep"]), "");
    let pages = place.files("pages/deep");
    for name in [
        "",
        "-simulate",
        "-serve",
        "-trace",
        "-verify",
        "-selfcheck",
        "-maelstrom",
        "-completions",
        "-key",
        "-key-new",
        "-state",
        "-state-add",
        "-state-resolve",
    ] {
        assert!(pages.contains(&format!("espalier{name}.1")), "{name}: {pages:?}");
    }
    assert!(place.read("pages/deep/espalier-simulate.1").contains("\\-\\-until\\-converged"));
    std::fs::write(place.path().join("file"), "").unwrap();
    assert!(place.fails(3, &["man", "--out", "file"]).contains("file"));
}

/// The examples in the help are run as they stand there.
#[test]
fn the_examples_work() {
    let place = Place::new();
    std::fs::write(place.path().join("model.safetensors"), small_model()).unwrap();
    let churn = espalier_testkit::fixture_path("scenarios/churn.toml");
    std::fs::copy(churn, place.path().join("churn.toml")).unwrap();
    for command in ["simulate", "trace"] {
        let text = place.ok(&[command, "--help"]);
        let (_, examples) = text.split_once("Examples:").unwrap();
        let lines = examples.lines().filter_map(|line| line.strip_prefix("  espalier "));
        let lines: Vec<_> = lines.collect();
        assert!(lines.len() >= 3);
        for line in lines {
            let mut arguments: Vec<_> = line.split_whitespace().collect();
            // A replay writes nothing.
            if command == "simulate" && !line.contains("--replay") {
                arguments.push("--force");
            }
            place.ok(&arguments);
        }
    }
}

fn small_model() -> Vec<u8> {
    let header = r#"{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend((0..16_u8).flat_map(|i| f32::from(i).to_le_bytes()));
    file
}
