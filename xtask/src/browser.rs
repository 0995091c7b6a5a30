//! The browser that tests of the page use: Debian's, installed where that is allowed.

use crate::apt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian puts them.
const PROGRAMS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromedriver"];
const AXE: &str = "axe-core@4";
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Whether there is a browser, after trying to install one. Without one, tests that need it say
/// that they were skipped.
pub(crate) fn ensure() -> bool {
    if is_there() {
        return true;
    }
    println!("no browser");
    let installed = apt::install(&PACKAGES) && is_there();
    if !installed {
        println!(
            "chromium and chromium-driver could not be installed: tests of the page in a browser \
             will be skipped. As root, on Debian: apt-get install chromium chromium-driver"
        );
    }
    installed
}

/// The rules of axe-core, installed below the target folder where npm may; tests of the page use
/// them beside rules of our own.
pub(crate) fn rules(target: &Path) -> Option<PathBuf> {
    let folder = target.join("axe");
    let rules = folder.join("node_modules/axe-core/axe.min.js");
    if !rules.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--silent", "--prefix"]);
        npm.arg(&folder).arg(AXE).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let installed = npm.status().is_ok_and(|status| status.success()) && rules.exists();
        if !installed {
            println!("no axe-core from npm: the page is judged by rules of our own alone");
            return None;
        }
    }
    Some(rules)
}

fn is_there() -> bool {
    PROGRAMS.iter().all(|program| Path::new(program).exists())
}
