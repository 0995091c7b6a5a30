//! The command on processors that this machine does not have: built by Debian's compilers, run by
//! an emulator, and compared with what it computes here.

use crate::apt;
use crate::step::succeeds;
use crate::workspace::Places;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Debian's own toolchain; a toolchain of rustup has no library for other processors.
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
/// What is needed for every target.
const TOOLCHAIN: [&str; 3] = ["rustc-web", "cargo-web", "qemu-user"];
/// How it is built; see the workspace's manifest.
const PROFILE: &str = "cross";
/// Recipes to merge by, and the models they name.
const RECIPES: &str = "fixtures/merge";
/// Strategies that decompose matrices; no recipe there has them.
const SPECTRAL: [&str; 5] = ["iso-c", "iso-cts", "tsv-m", "star", "knots"];

/// A processor to try.
struct Target {
    name: &'static str,
    triple: &'static str,
    /// Packages with its linker and its standard library.
    packages: [&'static str; 2],
    /// Debian's name of the architecture, if its standard library is a package.
    architecture: Option<&'static str>,
    linker: &'static str,
    emulator: &'static str,
    /// What the emulator has to be told.
    options: &'static [&'static str],
}

const TARGETS: [Target; 2] = [
    Target {
        name: "aarch64",
        triple: "aarch64-unknown-linux-gnu",
        packages: ["gcc-aarch64-linux-gnu", "libstd-rust-web-dev:arm64"],
        architecture: Some("arm64"),
        linker: "aarch64-linux-gnu-gcc",
        emulator: "qemu-aarch64",
        options: &[],
    },
    // Its bytes are in the other order. Debian has no standard library of the same version.
    Target {
        name: "s390x",
        triple: "s390x-unknown-linux-gnu",
        packages: ["gcc-s390x-linux-gnu", "rust-web-src"],
        architecture: None,
        linker: "s390x-linux-gnu-gcc",
        emulator: "qemu-s390x",
        options: &["-L", "/usr/s390x-linux-gnu"],
    },
];

/// Tries all targets, or the one called `only`. Says why if one cannot be tried.
pub(crate) fn run(places: &Places, only: Option<&str>) -> Result<()> {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    if let Some(only) = only.filter(|only| !names.contains(only)) {
        bail!("there is no target {only:?}; the targets are: {}", names.join(", "));
    }
    for target in TARGETS.iter().filter(|target| only.is_none_or(|only| only == target.name)) {
        if !target.is_ready() && !target.install() {
            let packages = [&TOOLCHAIN[..], &target.packages].concat().join(" ");
            println!(
                "cross: {} SKIPPED, it needs Debian 12 with the packages {packages}, and they \
                 could not be installed",
                target.name
            );
            continue;
        }
        let binary = target.build(places)?;
        target.check(places, &binary)?;
    }
    Ok(())
}

impl Target {
    fn is_ready(&self) -> bool {
        let rustc = || Command::new(RUSTC);
        let has = |program: &str| succeeds(Command::new(program).arg("--version"));
        // Its answer is a path; whether there is something is what counts.
        let library = || {
            let args = ["--print", "target-libdir", "--target", self.triple];
            let found = rustc().args(args).output().ok()?;
            let path = String::from_utf8(found.stdout).ok()?;
            fs::read_dir(path.trim()).ok()?.next().map(|_| ())
        };
        let source = || {
            let root = rustc().args(["--print", "sysroot"]).output().ok()?;
            let root = PathBuf::from(String::from_utf8(root.stdout).ok()?.trim());
            fs::metadata(root.join("lib/rustlib/src/rust/library/Cargo.lock")).ok().map(|_| ())
        };
        let std = if self.architecture.is_some() { library() } else { source() };
        has(RUSTC) && has(CARGO) && has(self.linker) && has(self.emulator) && std.is_some()
    }

    fn install(&self) -> bool {
        self.architecture.is_none_or(apt::add_architecture)
            && apt::install(&[&TOOLCHAIN[..], &self.packages].concat())
            && self.is_ready()
    }

    fn build(&self, places: &Places) -> Result<PathBuf> {
        println!("\n==> building the command for {}", self.name);
        let folder = places.target.join("cross");
        let upper = self.triple.to_uppercase().replace('-', "_");
        let mut cargo = Command::new(CARGO);
        cargo.args(["build", "--profile", PROFILE, "--target", self.triple, "-p", "espalier-cli"]);
        if self.architecture.is_none() {
            cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        }
        let status = cargo
            .env("RUSTC", RUSTC)
            .env(format!("CARGO_TARGET_{upper}_LINKER"), self.linker)
            .env(format!("CC_{}", self.triple.replace('-', "_")), self.linker)
            .env("CARGO_TARGET_DIR", &folder)
            // Flags of this machine's processor, if there are any.
            .env_remove("RUSTFLAGS")
            .current_dir(&places.root)
            .status()
            .with_context(|| format!("cannot start {CARGO}"))?;
        if !status.success() {
            bail!("the command does not build for {}", self.name);
        }
        Ok(folder.join(self.triple).join(PROFILE).join("espalier"))
    }

    fn emulated(&self, binary: &Path) -> Command {
        let mut command = Command::new(self.emulator);
        command.args(self.options).arg(binary);
        command
    }

    /// Compares golden values, and what all recipes come to.
    fn check(&self, places: &Places, binary: &Path) -> Result<()> {
        let selfcheck = finish(self.emulated(binary).arg("selfcheck"))?;
        let text = String::from_utf8_lossy(&selfcheck.stdout);
        if !selfcheck.status.success() {
            let wrong: Vec<&str> = text.lines().filter(|line| !line.starts_with("PASS")).collect();
            bail!("{}: selfcheck fails\n{}", self.name, wrong.join("\n"));
        }
        println!("{}: {}", self.name, text.lines().last().unwrap_or_default());

        let folder = places.target.join("cross/merges").join(self.name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let (here, there) = (folder.join("here"), folder.join("there"));
        let (mut merged, mut refused) = (0, 0);
        for case in cases(&places.root)? {
            let run = |mut command: Command, out: &Path| -> Result<_> {
                command
                    .current_dir(places.root.join(RECIPES))
                    .args(["merge", "--quiet", "--force"]);
                let output = finish(command.args(&case).arg("--output").arg(out))?;
                Ok((output.status.code(), output.stderr, fs::read(out).ok()))
            };
            let out = |folder: &Path| folder.with_extension("safetensors");
            let ours = run(Command::new(places.espalier()), &out(&here))?;
            let theirs = run(self.emulated(binary), &out(&there))?;
            if (ours.0, &ours.2) != (theirs.0, &theirs.2) {
                bail!("{}: `espalier merge {}` differs", self.name, case.join(" "));
            }
            *if ours.0 == Some(0) { &mut merged } else { &mut refused } += 1;
        }
        if merged < SPECTRAL.len() {
            bail!("{}: only {merged} merges were possible at all", self.name);
        }
        println!("{}: {merged} merges have the same bytes, {refused} are refused alike", self.name);
        Ok(())
    }
}

/// The arguments of every merge to compare.
fn cases(root: &Path) -> Result<Vec<Vec<String>>> {
    let folder = root.join(RECIPES).join("cases");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let config = |entry: fs::DirEntry| format!("cases/{}/config.yml", entry.file_name().display());
    let mut recipes =
        entries.map(|entry| Ok(config(entry?))).collect::<Result<Vec<String>, std::io::Error>>()?;
    recipes.sort();
    let spectral = SPECTRAL.map(|name| {
        let models = ["--base", "models/base", "models/a", "models/b"];
        ["--strategy", name].into_iter().chain(models).map(str::to_owned).collect()
    });
    Ok(recipes.into_iter().map(|recipe| vec![recipe]).chain(spectral).collect())
}

fn finish(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.with_context(|| format!("cannot start {}", command.get_program().display()))
}
