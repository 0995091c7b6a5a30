//! Signals that end the command.

/// Lets Ctrl-C and similar signals end the command as usual, after removing incomplete files.
/// Signals that are ignored when the command starts, as under `nohup`, stay ignored.
#[cfg(unix)]
pub(crate) fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let ignored = ignored();
    let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter();
    let wanted = wanted.filter(|signal| ignored >> (signal - 1) & 1 == 0);
    // Without this the command ends as well, and on most systems as cleanly.
    let Ok(mut signals) = signal_hook::iterator::Signals::new(wanted) else { return };
    let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            espalier::file::discard_pending();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}

/// Whether the end of the terminal ends the command, as it does unless `nohup` says otherwise.
#[cfg(unix)]
pub(crate) fn hangs_up() -> bool {
    ignored() >> (signal_hook::consts::SIGHUP - 1) & 1 == 0
}

/// The signals that are ignored, one bit each, where the system tells.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(not(unix))]
pub(crate) fn watch() {}
