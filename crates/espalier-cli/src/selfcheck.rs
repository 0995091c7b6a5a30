//! `espalier selfcheck`.

use crate::console;
use crate::failure::Failure;
use espalier::sim::{Vector, golden_vectors, vectors};
use espalier::tensor::SimdLevel;

pub(crate) fn run(quiet: bool) -> Result<(), Failure> {
    let golden = golden_vectors();
    let levels = SimdLevel::ALL.into_iter().filter(|level| level.is_available());
    let mut text = String::new();
    let (mut failed, mut names) = (0, Vec::new());
    for level in levels {
        level.limit();
        let computed = vectors();
        let wrong = golden.len().abs_diff(computed.len())
            + golden.iter().zip(&computed).filter(|(golden, computed)| golden != computed).count();
        // All levels have to agree: one list is enough while they do.
        if names.is_empty() || wrong > 0 {
            describe(level, &golden, &computed, &mut text);
        }
        failed += wrong;
        names.push(level.to_string());
    }
    let (count, names) = (golden.len(), names.join(", "));
    let verdict = match failed {
        0 => format!("all {count} values are as specified (instructions: {names})\n"),
        _ => format!("{failed} of {count} values are not as specified\n"),
    };
    if !quiet || failed > 0 {
        console::print(&(text + &verdict))?;
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Check) }
}

fn describe(level: SimdLevel, golden: &[Vector], computed: &[Vector], text: &mut String) {
    for (golden, computed) in golden.iter().zip(computed) {
        if golden == computed {
            text.push_str(&format!("PASS {}\n", computed.name));
        } else {
            text.push_str(&format!("FAIL {}, with {level}\n", computed.name));
            text.push_str(&format!("     specified {} {}\n", golden.name, golden.value));
            text.push_str(&format!("     computed  {}\n", computed.value));
        }
    }
}
