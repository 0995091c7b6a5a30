//! A configuration as the flags that give it.

use super::{Clock, Config};
use espalier_topology::{Order, Schedule};
use espalier_trust::Profile;
use std::fmt::Display;

impl Config {
    /// The flags that give this configuration to `espalier simulate`, or with `--fixed` to
    /// `espalier swarm`: those that differ from their defaults. What only files hold is left out.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let mut flags = Flags { words: Vec::new() };
        let usual = Self::default();
        flags.give("nodes", &self.nodes, true);
        flags.give("rounds", &self.rounds, true);
        flags.switch("until-converged", self.until_converged);
        flags.give("topology", &self.topology, self.topology != usual.topology);
        flags.give("schedule", &self.schedule, self.schedule != Schedule::Random);
        flags.give("order", &self.order, self.order != Order::Sequential);
        flags.give("exchange", &self.exchange, self.exchange != usual.exchange);
        flags.give("wire", &self.wire, self.wire != usual.wire);
        flags.give("seed", &self.seed, true);
        flags.give("model", &self.model, self.model != usual.model);
        flags.give("strategy", &self.strategy, self.strategy != usual.strategy);
        for (key, value) in &self.parameters {
            flags.give("param", &format!("{key}={value}"), true);
        }
        flags.maybe("buffers", self.buffers.as_ref());
        flags.give("spread", &self.spread, self.spread != usual.spread);
        flags.maybe("retrain", self.retrain.as_ref());
        flags.give("profile", &"clustered", self.profile == Profile::Clustered);
        flags.switch("no-attest", !self.attest);
        flags.maybe("late-joiners", self.late_joiners.as_ref());
        flags.maybe("partition", self.partition.as_ref());
        flags.give("loss", &self.loss, self.loss > 0.0);
        flags.give("duplicate", &self.duplicate, self.duplicate > 0.0);
        flags.give("reorder", &self.reorder, self.reorder > 0.0);
        flags.give("delay", &self.delay, self.delay > 0);
        flags.give("crash", &self.crash, self.crash > 0.0);
        self.outage.iter().for_each(|outage| flags.give("outage", outage, true));
        flags.maybe("churn", self.churn.as_ref());
        self.retract.iter().for_each(|retract| flags.give("retract", retract, true));
        flags.give("clock", &self.clock, self.clock != Clock::Rounds);
        flags.give("period", &self.period, self.period != usual.period);
        flags.give("latency", &self.latency, self.latency != usual.latency);
        flags.maybe("bandwidth", self.bandwidth.as_ref());
        flags.give("byzantine", &self.byzantine, self.byzantine != usual.byzantine);
        let attacks: Vec<_> = self.attack.iter().map(ToString::to_string).collect();
        flags.give("attack", &attacks.join(","), self.attack != usual.attack);
        flags.give("metrics", &self.metrics, self.metrics != usual.metrics);
        flags.words
    }
}

struct Flags {
    words: Vec<String>,
}

impl Flags {
    fn switch(&mut self, name: &str, given: bool) {
        if given {
            self.words.push(format!("--{name}"));
        }
    }

    fn give(&mut self, name: &str, value: &dyn Display, given: bool) {
        if given {
            self.words.extend([format!("--{name}"), value.to_string()]);
        }
    }

    fn maybe<T: Display>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.give(name, value, true);
        }
    }
}
