//! Debian's packages, installed where that is allowed.

use std::process::{Command, Stdio};

/// Installs packages; whether that worked.
pub(crate) fn install(packages: &[&str]) -> bool {
    println!("apt-get install {}", packages.join(" "));
    // The list of packages may be old or missing; installing may work all the same.
    let _ = apt(&["update"]);
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

/// Lets packages of another architecture be installed beside those of this one.
pub(crate) fn add_architecture(name: &str) -> bool {
    quietly(Command::new("dpkg").args(["--add-architecture", name]))
}

fn apt(args: &[&str]) -> bool {
    quietly(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Errors are shown, and whatever else is said is not.
fn quietly(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|it| it.success())
}
