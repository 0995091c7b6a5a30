//! `espalier selfcheck`.

use crate::console;
use crate::failure::Failure;
use espalier::sim::{golden_vectors, vectors};

pub(crate) fn run(quiet: bool) -> Result<(), Failure> {
    let (golden, computed) = (golden_vectors(), vectors());
    let mut text = String::new();
    let mut failed = golden.len().abs_diff(computed.len());
    for (golden, computed) in golden.iter().zip(&computed) {
        let pass = golden == computed;
        failed += usize::from(!pass);
        text.push_str(&format!("{} {}\n", if pass { "PASS" } else { "FAIL" }, computed.name));
        if !pass {
            text.push_str(&format!("     specified {} {}\n", golden.name, golden.value));
            text.push_str(&format!("     computed  {}\n", computed.value));
        }
    }
    let verdict = match failed {
        0 => format!("all {} values are as specified\n", computed.len()),
        _ => format!("{failed} of {} values are not as specified\n", golden.len()),
    };
    if !quiet || failed > 0 {
        console::print(&(text + &verdict))?;
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Check) }
}
