//! What becomes of every kind of path.

use espalier_file::{
    Destination, Output, WriteError, check, check_folder, clash, make_folder, same, write,
    write_all,
};
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let list = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            list.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn pipe(&self, name: &str) -> PathBuf {
        let path = self.at(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }
}

fn kind(error: WriteError) -> std::io::ErrorKind {
    match error {
        WriteError::Io { source, .. } => source.kind(),
        error => panic!("{error}"),
    }
}

#[test]
fn a_file_has_no_name_before_it_is_whole() {
    let place = Place::new();
    let path = place.at("x");
    let mut output = Output::create(&path, false).unwrap();
    output.write_all(b"half").unwrap();
    #[cfg(target_os = "linux")]
    assert!(place.names().is_empty());
    drop(output);
    assert!(place.names().is_empty());
    write(&path, b"whole", false).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(place.names(), ["x"]);
}

#[test]
fn an_existing_file_is_replaced_only_if_asked() {
    let place = Place::new();
    let path = place.at("x");
    fs::write(&path, "old").unwrap();
    assert!(matches!(write(&path, b"new", false), Err(WriteError::Exists(at)) if at == path));
    assert!(matches!(check(&path, false), Err(WriteError::Exists(_))));
    // A name that is taken while the file is written.
    let late = Output::create(place.at("y"), false).unwrap();
    fs::write(place.at("y"), "taken").unwrap();
    assert!(matches!(late.finish(), Err(WriteError::Exists(_))));
    let old = fs::File::open(&path).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    write(&path, b"new", true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    // Whoever has the old file open still has it.
    assert_eq!(std::io::read_to_string(old).unwrap(), "old");
    assert_eq!(place.names(), ["x", "y"]);
}

#[test]
fn a_replaced_file_keeps_its_mode_and_its_other_names_keep_the_old_content() {
    let place = Place::new();
    for mode in [0o600, 0o640, 0o666, 0o755] {
        let path = place.at(&format!("{mode:o}"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        fs::hard_link(&path, place.at("other")).unwrap();
        write(&path, b"new", true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
        assert_eq!(fs::read(place.at("other")).unwrap(), b"old");
        fs::remove_file(place.at("other")).unwrap();
    }
}

#[test]
fn links_are_followed_also_where_they_lead_nowhere_yet() {
    let place = Place::new();
    fs::create_dir(place.at("far")).unwrap();
    symlink("far/x", place.at("link")).unwrap();
    symlink("link", place.at("link2")).unwrap();
    write(place.at("link2"), b"one", false).unwrap();
    assert_eq!(fs::read(place.at("far/x")).unwrap(), b"one");
    assert!(matches!(write(place.at("link2"), b"two", false), Err(WriteError::Exists(_))));
    write(place.at("link2"), b"two", true).unwrap();
    assert_eq!(fs::read(place.at("far/x")).unwrap(), b"two");
    assert!(fs::symlink_metadata(place.at("link")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(place.at("link2")).unwrap().is_symlink());
    assert_eq!(fs::read_dir(place.at("far")).unwrap().count(), 1);
    // In a circle, through a file, and to nowhere.
    symlink("b", place.at("a")).unwrap();
    symlink("a", place.at("b")).unwrap();
    symlink("absent/x", place.at("nowhere")).unwrap();
    for (path, message) in [("a", "circle"), ("far/x/y", "Not a dir"), ("nowhere", "No such")] {
        let error = write(place.at(path), b"three", true).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(path), "{error}");
    }
}

#[test]
fn folders_are_made_also_where_links_lead_nowhere_yet() {
    let place = Place::new();
    symlink("far/deep", place.at("link")).unwrap();
    symlink("link", place.at("link2")).unwrap();
    let folder = place.at("link2/er/new/../x");
    check_folder(&folder, &["a"], false).unwrap();
    assert!(!place.at("far").exists(), "a check leaves nothing behind");
    make_folder(&folder).unwrap();
    make_folder(&folder).unwrap();
    assert!(place.at("far/deep/er/x").is_dir() && place.at("far/deep/er/new").is_dir());
    symlink("b", place.at("a")).unwrap();
    symlink("a", place.at("b")).unwrap();
    fs::write(place.at("file"), "").unwrap();
    for path in ["a", "a/x", "file", "file/x"] {
        let error = make_folder(&place.at(path)).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
        assert_eq!(error, check_folder(&place.at(path), &["x"], true).unwrap_err().to_string());
    }
}

#[test]
fn folders_and_their_names_are_refused() {
    let place = Place::new();
    fs::create_dir(place.at("folder")).unwrap();
    symlink("folder", place.at("link")).unwrap();
    for path in ["folder", "link", "new/", "new/.", "folder/..", "folder/", "."] {
        let error = write(place.at(path), b"x", true).unwrap_err();
        assert_eq!(kind(error), std::io::ErrorKind::IsADirectory, "{path}");
    }
    assert_eq!(kind(write("", b"x", true).unwrap_err()), std::io::ErrorKind::InvalidInput);
    assert_eq!(place.names(), ["folder", "link"]);
}

#[test]
fn pipes_are_written_through() {
    let place = Place::new();
    let path = place.pipe("pipe");
    symlink("pipe", place.at("link")).unwrap();
    assert!(Destination::of(&path).unwrap().waits_for_reader());
    check(&path, false).unwrap();
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut text = String::new();
            fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
            text
        }
    });
    // It waits for its reader; that it exists is no reason to refuse.
    write(place.at("link"), b"through", false).unwrap();
    assert_eq!(reader.join().unwrap(), "through");
    assert_eq!(place.names(), ["link", "pipe"]);
    assert!(!fs::metadata(&path).unwrap().is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn devices_are_written_through_and_full_ones_say_so() {
    write("/dev/null", b"gone", false).unwrap();
    check("/dev/null", false).unwrap();
    assert_eq!(kind(write("/dev/full", b"x", false).unwrap_err()), std::io::ErrorKind::StorageFull);
    // Several files, of which one cannot be written: none is there.
    let place = Place::new();
    let files = [(place.at("x"), b"x"), ("/dev/full".into(), b"y")];
    assert!(write_all(files, false).is_err());
    assert!(place.names().is_empty());
}

/// What is open already is added to, although it looks like a link to a file.
#[cfg(target_os = "linux")]
#[test]
fn an_open_file_is_not_replaced() {
    use std::os::fd::AsRawFd as _;
    let place = Place::new();
    let path = place.at("x");
    let mut open = fs::File::create(&path).unwrap();
    open.write_all(b"before ").unwrap();
    let name = format!("/dev/fd/{}", open.as_raw_fd());
    write(&name, b"after", false).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"before after");
    assert!(matches!(Destination::of("/dev/stdout"), Ok(Destination::Stdout)));
    assert!(matches!(Destination::of("/dev/fd/2"), Ok(Destination::Stderr)));
    assert!(matches!(Destination::of("/proc/self/fd/1"), Ok(Destination::Stdout)));
}

#[test]
fn what_cannot_be_written_is_known_beforehand() {
    let place = Place::new();
    fs::write(place.at("file"), "").unwrap();
    for path in ["absent/x", "file/x"] {
        assert!(check(place.at(path), true).is_err(), "{path}");
    }
    check(place.at("new"), false).unwrap();
    check_folder(&place.at("deep/er"), &["x"], false).unwrap();
    check_folder(place.0.path(), &["x", "new"], false).unwrap();
    assert!(matches!(
        check_folder(place.0.path(), &["x", "file"], false),
        Err(WriteError::Exists(path)) if path == place.at("file")
    ));
    check_folder(place.0.path(), &["file"], true).unwrap();
    for path in ["file", "file/deeper"] {
        assert!(check_folder(&place.at(path), &["x"], true).is_err(), "{path}");
    }
    assert!(check_folder(Path::new(""), &["x"], true).is_err());
    assert_eq!(place.names(), ["file"]);
}

#[test]
fn two_names_of_one_file_are_found() {
    let place = Place::new();
    fs::create_dir(place.at("folder")).unwrap();
    fs::write(place.at("folder/x"), "").unwrap();
    symlink("folder", place.at("way")).unwrap();
    symlink("folder/x", place.at("link")).unwrap();
    symlink("folder/new", place.at("dangling")).unwrap();
    place.pipe("pipe");
    symlink("pipe", place.at("pipe2")).unwrap();
    let clashes = |a: &str, b: &str| clash(&[&place.at(a), &place.at(b)]).is_some();
    for (a, b) in [
        ("x", "x"),
        ("x", "./x"),
        ("folder/x", "way/x"),
        ("folder/x", "link"),
        ("way/../x", "x"),
        ("folder/new", "dangling"),
        ("pipe", "pipe2"),
        ("new/x", "new/./x"),
        // One is the folder of the other.
        ("new", "new/x"),
    ] {
        assert!(clashes(a, b) && clashes(b, a), "{a} and {b}");
    }
    for (a, b) in [("x", "y"), ("folder/x", "x"), ("new/x", "newer/x"), ("pipe", "link")] {
        assert!(!clashes(a, b), "{a} and {b}");
    }
    // A folder and what is in it are not the same, and neither are two hard links.
    assert!(same(place.at("link"), place.at("folder/x")));
    assert!(!same(place.at("new"), place.at("new/x")));
    fs::hard_link(place.at("folder/x"), place.at("hard")).unwrap();
    assert!(!clashes("hard", "folder/x"));
    let null = Path::new("/dev/null");
    assert_eq!(clash(&[null, null]), None);
    assert_eq!(clash(&[&place.at("a"), null, &place.at("b"), &place.at("a")]), Some((0, 3)));
}

/// With another umask, in a process of its own: the test runs itself again with `CHILD` set.
mod child {
    use super::*;

    const CHILD: &str = "ESPALIER_FILE_TEST_CHILD";

    fn shell(umask: &str, path: &Path) -> std::process::Output {
        let own = std::env::current_exe().unwrap();
        let script = format!("umask {umask}; exec \"$0\" --exact write::child::does --nocapture");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(own).env(CHILD, "write").current_dir(path);
        command.output().unwrap()
    }

    /// What the child does; without a task, nothing.
    #[test]
    fn does() {
        if std::env::var_os(CHILD).is_some() {
            write("new", b"x", false).unwrap();
        }
    }

    #[test]
    fn permissions_follow_the_umask() {
        for (umask, mode) in [("000", 0o666), ("022", 0o644), ("027", 0o640), ("077", 0o600)] {
            let place = Place::new();
            let ran = shell(umask, place.0.path());
            assert!(ran.status.success(), "{ran:?}");
            assert_eq!(place.at("new").metadata().unwrap().mode() & 0o7777, mode, "{umask}");
        }
    }
}
