//! The browser that tests of the page use: Debian's, installed where that is allowed.

use std::path::Path;
use std::process::{Command, Stdio};

/// Where Debian puts them.
const PROGRAMS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromedriver"];
const INSTALL: [&str; 5] =
    ["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"];

/// Whether there is a browser, after trying to install one. Without one, tests that need it say
/// that they were skipped.
pub(crate) fn ensure() -> bool {
    if is_there() {
        return true;
    }
    println!("no browser: apt-get {}", INSTALL.join(" "));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    // The list of packages may be old or missing; installing may work all the same.
    let _ = apt(&["update"]);
    let installed = apt(&INSTALL) && is_there();
    if !installed {
        println!(
            "chromium and chromium-driver could not be installed: tests of the page in a browser \
             will be skipped. As root, on Debian: apt-get install chromium chromium-driver"
        );
    }
    installed
}

fn is_there() -> bool {
    PROGRAMS.iter().all(|program| Path::new(program).exists())
}
