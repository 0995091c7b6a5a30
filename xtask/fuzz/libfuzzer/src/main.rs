//! libFuzzer over one target of `espalier-fuzz`, which `ESPALIER_FUZZ_TARGET` names. One program
//! for all of them, as linking one takes longer than choosing.
//!
//! `ESPALIER_FUZZ_SEEDS` names a folder into which the target's generated samples go first.

#![no_main]

use espalier_fuzz::Target;
use espalier_testkit::alloc::CountingAllocator;
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::OnceLock;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn begin() {
    let name = std::env::var("ESPALIER_FUZZ_TARGET").expect("ESPALIER_FUZZ_TARGET is set");
    let target = espalier_fuzz::target(&name).expect("ESPALIER_FUZZ_TARGET names a target");
    if let Ok(folder) = std::env::var("ESPALIER_FUZZ_SEEDS") {
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            let path = Path::new(&folder).join(format!("generated-{number:03}"));
            std::fs::write(path, seed).expect("the folder of seeds can be written");
        }
    }
    TARGET.set(target).expect("libFuzzer begins once");
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    (TARGET.get().expect("it has begun").check)(bytes);
});
