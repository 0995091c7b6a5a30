//! Event logs: equal seeds give equal logs, and a log replays.

use crate::small;
use espalier_sim::{Clock, Config, ReplayError, Replayed, replay, simulate_logged};
use std::ops::ControlFlow;

fn restless(clock: Clock) -> Config {
    Config {
        clock,
        loss: 0.2,
        duplicate: 0.1,
        reorder: 0.2,
        crash: 0.05,
        churn: "poisson:0.05:0.5".parse().ok(),
        partition: "2@3..6".parse().ok(),
        latency: match clock {
            Clock::Rounds => "none",
            _ => "uniform:10ms..300ms",
        }
        .parse()
        .unwrap(),
        ..small()
    }
}

fn logged(config: &Config) -> (espalier_sim::Report, Vec<u8>) {
    let mut log = Vec::new();
    let ran = simulate_logged(config, &mut log, &mut |_| ControlFlow::Continue(()));
    let (report, written) = ran.unwrap();
    written.unwrap();
    (report, log)
}

#[test]
fn equal_seeds_give_equal_logs_on_any_number_of_threads() {
    for clock in [Clock::Rounds, Clock::Periodic, Clock::Poisson, Clock::None] {
        let config = restless(clock);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| logged(&config))
        };
        let (one, two) = (on(1), on(2));
        assert_eq!(one.0.summary.event_log, two.0.summary.event_log, "{clock}");
        assert!(one == two, "{clock}");
        let (other, _) = logged(&Config { seed: 2, ..config });
        assert_ne!(one.0.summary.event_log, other.summary.event_log, "{clock}");
    }
}

#[track_caller]
fn again(log: &[u8], until: Option<u64>) -> Replayed {
    replay(log, until).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_log_replays_and_stops_where_it_is_told() {
    for clock in [Clock::Rounds, Clock::Periodic] {
        let (report, log) = logged(&restless(clock));
        let whole = again(&log, None);
        assert_eq!((whole.events, whole.divergence), (report.summary.logged, None), "{clock}");
        let end = report.rounds.last().unwrap();
        for (view, hash) in whole.nodes().zip(&end.state_hash) {
            assert_eq!(view.state_hash, *hash, "{clock}, {}", view.name);
        }
        // Nodes only ever grow, but for crashes, and an earlier stop shows less.
        let early = again(&log, Some(40));
        assert_eq!((early.events, early.divergence), (40, None));
        let held =
            |replayed: &Replayed| -> u64 { replayed.nodes().map(|node| node.operations).sum() };
        assert!(held(&early) < held(&whole), "{clock}");
    }
}

#[test]
fn a_changed_log_is_found_out_at_the_changed_event() {
    let (_, log) = logged(&restless(Clock::Periodic));
    let text = String::from_utf8(log).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let starts = |line: &String| line.contains("\"start\"");
    let at = (30..).find(|at| starts(&lines[*at])).unwrap();
    lines[at] = lines[at].replace("start", "blocked");
    let changed = again((lines.join("\n") + "\n").as_bytes(), None);
    let divergence = changed.divergence.unwrap();
    assert_eq!((divergence.event, changed.events), (at as u64, at as u64 - 1));
    assert_ne!(divergence.logged, divergence.happened);
    // An event too many at the end.
    let last = lines.len() - 1;
    lines[at] = lines[at].replace("blocked", "start");
    let extra = lines[last - 1].clone();
    lines.insert(last, extra);
    let changed = again((lines.join("\n") + "\n").as_bytes(), None);
    let divergence = changed.divergence.unwrap();
    assert_eq!((divergence.event, divergence.happened), (last as u64, None));
}

#[test]
fn rubbish_is_refused_with_its_line() {
    let (_, log) = logged(&Config { rounds: 2, ..small() });
    let text = String::from_utf8(log).unwrap();
    let line = |error: ReplayError| match error {
        ReplayError::Format { line, .. } => line,
        other => panic!("{other}"),
    };
    let refused = |text: &str| line(replay(text.as_bytes(), None).unwrap_err());
    assert_eq!(refused(""), 1);
    assert_eq!(refused("{}\n"), 1);
    assert_eq!(refused(&text.replacen("_log\":1", "_log\":2", 1)), 1);
    assert_eq!(refused(&text.replacen("\"start\"", "\"stort\"", 1)), 2);
    assert_eq!(refused(&text[..text.len() - 4]), text.lines().count() as u64);
    assert_eq!(line(replay(&b"\xff\xfe\n"[..], None).unwrap_err()), 1);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let problem = replay(&wide[..], None).unwrap_err().to_string();
    assert!(problem.contains("UTF-16"), "{problem}");
    // A mark and other ends of lines change nothing.
    let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(replay(marked.as_bytes(), None).unwrap().divergence, None);
}

/// The disk gets full in the middle: the run goes on, and what failed is told.
#[test]
fn a_log_that_fails_does_not_end_the_run() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let config = small();
    let (whole, log) = logged(&config);
    for room in [0, log.len() / 2, log.len() - 1] {
        let watch = &mut |_| ControlFlow::Continue(());
        let (report, written) = simulate_logged(&config, Full(room), watch).unwrap();
        assert_eq!(report, whole);
        assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}
