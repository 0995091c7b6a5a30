//! Files: complete or not there, and in the form that is documented.

use crate::{run, small};
use espalier_file::WriteError;
use espalier_sim::{
    AUDIT_FILE, Attack, Config, HTML_FILE, JSON_FILE, Metrics, Report, Share, write_report,
};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(name).map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_report_is_three_files_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("a/b");
    let report = run(&small());
    write_report(&report, &deep, false).unwrap();
    assert_eq!(names(&deep), [AUDIT_FILE, HTML_FILE, JSON_FILE]);
    assert_eq!(fs::read_to_string(deep.join(JSON_FILE)).unwrap(), report.to_json());
    let page = fs::read_to_string(deep.join(HTML_FILE)).unwrap();
    assert!(page.contains(&report.summary.final_state_hash.to_string()));
}

#[test]
fn nothing_is_overwritten_without_being_asked() {
    for taken in [AUDIT_FILE, HTML_FILE, JSON_FILE] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(taken), "mine").unwrap();
        let report = run(&small());
        match write_report(&report, folder.path(), false) {
            Err(WriteError::Exists(path)) => assert_eq!(path, folder.path().join(taken)),
            other => panic!("{other:?}"),
        }
        assert_eq!(names(folder.path()), [taken]);
        assert_eq!(fs::read_to_string(folder.path().join(taken)).unwrap(), "mine");
        write_report(&report, folder.path(), true).unwrap();
        assert_eq!(names(folder.path()), [AUDIT_FILE, HTML_FILE, JSON_FILE]);
        assert_eq!(fs::read_to_string(folder.path().join(JSON_FILE)).unwrap(), report.to_json());
    }
}

#[test]
fn a_failure_leaves_nothing_half_done() {
    let report = run(&small());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for target in [file.clone(), file.join("below")] {
        match write_report(&report, &target, true) {
            Err(WriteError::Io { path, .. }) => assert_eq!(path, target),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(folder.path()), ["file"]);
    // The place of the last file is taken by a folder: the others are not written either.
    for blocked in [AUDIT_FILE, HTML_FILE, JSON_FILE] {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(blocked)).unwrap();
        match write_report(&report, folder.path(), true) {
            Err(WriteError::Io { path, .. }) => assert_eq!(path, folder.path().join(blocked)),
            other => panic!("{other:?}"),
        }
        assert_eq!(names(folder.path()), [blocked]);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let set = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    let written = write_report(&run(&small()), folder.path(), false);
    set(0o755);
    // The superuser may write anywhere.
    assert!(names(folder.path()).is_empty() || written.is_ok());
}

#[test]
fn the_audit_table_has_a_line_per_entry() {
    let folder = TempDir::new().unwrap();
    let report = run(&Config { loss: 0.3, ..small() });
    write_report(&report, folder.path(), false).unwrap();
    let text = fs::read_to_string(folder.path().join(AUDIT_FILE)).unwrap();
    let columns = "round,from,to,hash_before,hash_after,change_norm,changed,ops,bytes,outcome";
    assert_eq!(text.lines().next(), Some(columns));
    assert_eq!(text.lines().count(), report.audit.len() + 1);
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let entries: Vec<espalier_sim::AuditEntry> =
        table.deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(entries, report.audit);
}

#[test]
fn reports_are_as_their_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/report.schema.json");
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("docs/report.schema.json is part of the format: {error}"));
    let schema = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let validate = |what: &str, report: &Report| {
        let json = serde_json::from_str(&report.to_json()).unwrap();
        let problems: Vec<_> = validator
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .take(5)
            .collect();
        assert!(problems.is_empty(), "{what}: {problems:#?}");
    };
    let full = Config {
        rounds: 9,
        byzantine: Share::Percent(30.0),
        attack: ["equivocation", "nan", "retract-others"].map(|a| a.parse().unwrap()).to_vec(),
        late_joiners: Some("1@2".parse().unwrap()),
        partition: Some("2@3..5".parse().unwrap()),
        retract: vec!["0@4".parse().unwrap()],
        spread: "dirichlet:0.5".parse().unwrap(),
        loss: 0.3,
        crash: 0.2,
        retrain: Some(4),
        strategy: "dare-linear".into(),
        parameters: [("density".into(), "0.3".into())].into(),
        ..Config::default()
    };
    validate("full", &run(&full));
    validate("default", &run(&Config { rounds: 3, ..Config::default() }));
    validate("synthetic", &run(&small()));
    let every = Attack::FORMS.iter().map(|(form, _)| form.split(':').next().unwrap());
    let every = every.chain(["alie:-0.25:1", "withhold:3"]).map(|name| name.parse().unwrap());
    let attack = every.collect();
    validate("attacks", &run(&Config { attack, byzantine: Share::Count(3), ..small() }));
    validate("off", &run(&Config { metrics: Metrics::Off, ..small() }));
    validate("sample", &run(&Config { metrics: Metrics::Sample(3), ..small() }));
    let large = Config { nodes: 300, until_converged: true, rounds: 20, ..small() };
    validate("large", &run(&Config { topology: "complete".parse().unwrap(), ..large }));

    let mut wrong: serde_json::Value = serde_json::to_value(run(&small())).unwrap();
    wrong["summary"]["final_state_hash"] = "short".into();
    assert!(!validator.is_valid(&wrong));
    let mut wrong: serde_json::Value = serde_json::to_value(run(&small())).unwrap();
    wrong["rounds"][0].as_object_mut().unwrap().remove("trust");
    assert!(!validator.is_valid(&wrong));
}
