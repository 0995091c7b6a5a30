//! How much memory a run takes, and how much is available.
//!
//! The estimate is made of what grows: models, what replicas remember of each other, the report.
//! `docs/PERFORMANCE.md` compares it with what runs took. It depends on the configuration alone;
//! only what is left does on the machine.

use super::{Config, Family};
use std::cmp::Reverse;
use std::fs;
use std::path::Path;

/// What any run takes.
const FLOOR: u64 = 31 << 20;
/// Bytes of one model of digits.
const DIGITS: u64 = 32 << 10;
/// Bytes that training takes for each element, on each thread.
const TRAINING: u64 = 8;
/// Bytes that replicas by frames remember of each pair of nodes, most of it while nearly every node
/// holds a state of its own.
const PAIR: u64 = 1_300;
/// Bytes of each pair of a node that a report looks at and another, likewise.
const LOOKED_AT: u64 = 1_600;
/// Bytes of a node that a report lists in a round, its texts included.
const LISTED: u64 = 900;
/// Bytes of an exchange that a report lists, its texts included.
const AUDITED: u64 = 1_200;
/// The most exchanges that a report of more than 1,000 nodes lists.
const AUDIT_KEPT: u64 = 100_000;
/// Bytes of an operation as counted replicas hold it, with its index.
const COUNTED: u64 = 4_096;

impl Config {
    /// About how many bytes of memory a run takes at most, on all available threads.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let threads = rayon::current_num_threads() as u64;
        let (nodes, elements) = (u64::from(self.nodes), self.elements());
        let model = elements.saturating_mul(4);
        let trainings =
            self.retrain.map_or(1, |every| 1 + self.expected_rounds() / u64::from(every.max(1)));
        let models = nodes.saturating_mul(trainings).saturating_mul(model);
        let training = threads.min(nodes).saturating_mul(elements).saturating_mul(TRAINING);
        let shared = [FLOOR, model, training].iter().fold(0, |sum: u64, x| sum.saturating_add(*x));
        let own = if self.is_counted() {
            // A set is a bit for each operation, held once and for its crash.
            let sets = nodes * nodes / 8 * 2;
            models.saturating_add(nodes * COUNTED + sets).saturating_add(self.listed(0))
        } else {
            let sampled = u64::from(self.metrics.count(self.nodes));
            let pairs = (nodes * nodes).saturating_mul(PAIR);
            let pairs = pairs.saturating_add((nodes * sampled).saturating_mul(LOOKED_AT));
            // Liars work on what the honest trained, all of it at once.
            let forged =
                if self.byzantine.of(self.nodes) > 0 { nodes.saturating_mul(model) } else { 0 };
            let listed = self.listed(sampled);
            models.saturating_add(forged).saturating_add(pairs).saturating_add(listed)
        };
        shared.saturating_add(own)
    }

    /// Memory of the report, with this number of sampled nodes.
    fn listed(&self, sampled: u64) -> u64 {
        let (nodes, rounds) = (u64::from(self.nodes), self.expected_rounds());
        let rows = rounds.saturating_mul(64 + sampled * LISTED);
        let exchanges = rounds.saturating_mul(2 * nodes);
        let exchanges = if nodes > 1_000 { exchanges.min(AUDIT_KEPT) } else { exchanges };
        let audit = if self.is_counted() { 0 } else { exchanges.saturating_mul(AUDITED) };
        rows.saturating_add(audit)
    }

    /// How many rounds there will be: a run that stops when it has converged does so long before
    /// the most that it is given, if that is much.
    fn expected_rounds(&self) -> u64 {
        let most = u64::from(self.rounds);
        if self.until_converged { most.min(200 + 4 * u64::from(self.nodes)) } else { most }
    }

    /// Elements of one model.
    fn elements(&self) -> u64 {
        match &self.model {
            Family::Digits => DIGITS / 4,
            Family::Synthetic(shape) => {
                shape.iter().fold(1, |all: u64, size| all.saturating_mul(*size))
            }
            // The largest file is no smaller than any model, and elements have two bytes or more.
            Family::Path(path) => largest(Path::new(path)) / 4,
        }
    }

    /// About how much there is to compute: nodes times rounds times elements of a model, with some
    /// for each pair of nodes. For comparing runs with each other.
    #[must_use]
    pub fn effort(&self) -> u64 {
        let nodes = u64::from(self.nodes);
        let each = self.elements().saturating_add(16 * nodes).saturating_add(256);
        let liars = if self.byzantine.of(self.nodes) > 0 { 8 } else { 1 };
        nodes.saturating_mul(self.expected_rounds()).saturating_mul(each).saturating_mul(liars)
    }
}

/// The bytes of the largest file at a path: it, or one of those in it.
fn largest(path: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    match fs::read_dir(path) {
        Err(_) => size(path),
        Ok(entries) => entries.flatten().map(|entry| size(&entry.path())).max().unwrap_or(0),
    }
}

/// About how many bytes of memory runs take at most, side by side on as many threads as there are.
#[must_use]
pub fn memory_side_by_side(runs: impl Iterator<Item = Config>) -> u64 {
    let mut needs: Vec<u64> = runs.map(|config| config.memory()).collect();
    needs.sort_unstable_by_key(|need| Reverse(*need));
    let at_once = needs.iter().take(rayon::current_num_threads());
    at_once.fold(0, |sum, need| sum.saturating_add(*need))
}

/// How much memory is left to this program, and what bounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLeft {
    /// The number of bytes left.
    pub bytes: u64,
    /// What bounds it, in words.
    pub by: &'static str,
}

/// The least of what the machine has left, the control group and the limits of the process allow;
/// `None` where the system does not tell.
#[must_use]
pub fn memory_left() -> Option<MemoryLeft> {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let limited = |name: &str, used: &str| below_limit(&limits, &status, name, used);
    let all = [
        ("the machine", in_kib(&machine, "MemAvailable:")),
        ("the limit of the control group", control_group()),
        ("the limit on address space (ulimit -v)", limited("Max address space", "VmSize:")),
        ("the limit on data (ulimit -d)", limited("Max data size", "VmData:")),
    ];
    let known = all.into_iter().filter_map(|(by, bytes)| Some(MemoryLeft { bytes: bytes?, by }));
    known.min_by_key(|left| left.bytes)
}

/// What the limit on address space leaves, which stacks of threads take though nothing is in them;
/// `None` without a limit, and where the system does not tell.
#[must_use]
pub fn address_space_left() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    below_limit(&limits, &status, "Max address space", "VmSize:")
}

fn below_limit(limits: &str, status: &str, name: &str, used: &str) -> Option<u64> {
    limit(limits, name).map(|most| most.saturating_sub(in_kib(status, used).unwrap_or(0)))
}

/// A line `NAME 123 kB`.
fn in_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The soft limit in `/proc/self/limits`; `None` if there is none.
fn limit(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What the control groups of this process leave, and those above them, in version 2 and 1; what
/// is only cached does not count as used.
fn control_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let versions = [
        ("0::", "/sys/fs/cgroup", ["memory.max", "memory.current"]),
        (":memory:", "/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes"]),
    ];
    let left = versions.into_iter().filter_map(|(name, root, files)| {
        let path = groups.lines().find_map(|line| Some(line.split_once(name)?.1))?;
        let root = Path::new(root);
        let folder = root.join(path.trim_start_matches('/'));
        let folders = folder.ancestors().take_while(|folder| folder.starts_with(root));
        folders.filter_map(|folder| left_of_group(folder, files)).min()
    });
    left.min()
}

fn left_of_group(folder: &Path, [most, used]: [&str; 2]) -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    let (most, used) = (number(most)?, number(used)?);
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let cached = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let cached = cached.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
    Some(most.saturating_sub(used.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_the_system_writes_them() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max data size             unlimited            unlimited            bytes\n\
                      Max address space         614400000            unlimited            bytes\n";
        assert_eq!(limit(limits, "Max address space"), Some(614_400_000));
        assert_eq!(limit(limits, "Max data size"), None);
        assert_eq!(in_kib("MemTotal: 9 kB\nMemAvailable:    7 kB\n", "MemAvailable:"), Some(7_168));
    }

    #[test]
    fn what_is_larger_takes_more() {
        let of = |change: fn(&mut Config)| {
            let mut config = Config { model: Family::Synthetic(vec![1_024]), ..Config::default() };
            change(&mut config);
            config.memory()
        };
        let usual = of(|_| ());
        assert!(usual < 64 << 20, "{usual}");
        assert!(of(|c| c.model = Family::Synthetic(vec![10_000_000])) > 320_000_000);
        assert!(of(|c| c.nodes = 3_000) < 1 << 30, "counted");
        let liars = of(|c| (c.nodes, c.byzantine) = (3_000, crate::config::Share::Percent(10.0)));
        assert!(liars > 6 << 30, "{liars}");
        assert!(of(|c| c.rounds = 10_000_000) > 50 << 30);
        assert!(of(|c| (c.rounds, c.until_converged) = (10_000_000, true)) < 64 << 20);
        assert!(of(|c| c.retrain = Some(1)) > usual);
    }
}
