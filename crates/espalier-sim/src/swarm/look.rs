//! What checkers see: nodes as any user of `espalier-replica` sees them, messages as they pass,
//! and who is honest, as the harness says.

use super::facts::{Fact, Facts};
use super::model::Model;
use crate::config::Config;
use crate::engine::{Logged, Passed};
use espalier_identity::PeerId;
use espalier_replica::{MergeState, OpId};
use espalier_tensor::Model as Tensors;
use espalier_topology::Network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Something that must never happen, and was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// The checker that saw it.
    pub checker: String,
    /// The round in which it was seen; 0 is before the first.
    pub round: u32,
    /// What was seen.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in round {}: {}", self.checker, self.round, self.problem)
    }
}

/// What a checker says that has nothing to complain of, or what is wrong.
pub(crate) type Verdict = Result<(), String>;

/// What does not change in a run.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) config: &'a Config,
    pub(crate) network: &'a Network,
    /// Everybody's key, by node number.
    pub(crate) ids: Vec<PeerId>,
    /// Who is honest, by node number, as the harness says.
    pub(crate) honest: Vec<bool>,
    /// The base model, if there is one.
    pub(crate) base: Option<Tensors>,
}

impl Setting<'_> {
    /// Whether this is the key of an honest node.
    pub(crate) fn is_honest(&self, id: &PeerId) -> bool {
        self.ids.iter().zip(&self.honest).any(|(node, honest)| node == id && *honest)
    }

    pub(crate) fn name(&self, id: &PeerId) -> String {
        let number = self.ids.iter().position(|node| node == id);
        number.map_or_else(|| id.short(), |number| format!("node_{number}"))
    }
}

/// An honest node.
#[derive(Debug)]
pub(crate) struct Glance<'a> {
    /// Its number.
    pub(crate) number: usize,
    pub(crate) id: PeerId,
    /// Whether it takes part.
    pub(crate) up: bool,
    /// How often it has crashed.
    pub(crate) crashes: u32,
    pub(crate) state: &'a MergeState,
    /// What its state holds, in the order of the state.
    pub(crate) facts: Vec<Arc<Fact>>,
    /// What that means.
    pub(crate) model: Arc<Model>,
}

impl Glance<'_> {
    pub(crate) fn ids(&self) -> BTreeSet<OpId> {
        self.facts.iter().map(|fact| fact.id()).collect()
    }
}

/// All honest nodes after a round.
#[derive(Debug)]
pub(crate) struct AfterRound<'a> {
    pub(crate) nodes: Vec<Glance<'a>>,
    pub(crate) round: u32,
    /// Bytes sent in this round: of all exchanges that ended in it together.
    pub(crate) audited: u64,
    /// Bytes that the network has carried so far.
    pub(crate) carried: u64,
    /// Whether nothing is in flight.
    pub(crate) quiet: bool,
}

/// What is shown to a checker.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    /// A record of the event log.
    Record(&'a Logged),
    /// What became of a message.
    Passed(&'a Passed),
    /// An honest node that has just taken a message in.
    Node(&'a Glance<'a>),
    /// An honest node that has just come back from a crash.
    Back(&'a Glance<'a>),
    /// Everybody honest after a round.
    Round(&'a AfterRound<'a>),
    /// The same when the run is over: all faults ended, and everybody had time.
    End(&'a AfterRound<'a>),
}

/// Watches one property over a run.
pub(crate) trait Checker: fmt::Debug {
    /// The checker's name.
    fn name(&self) -> &'static str;

    /// Looks at what is shown, and remembers what it needs.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&mut self, setting: &Setting<'_>, facts: &Facts, seen: &Seen<'_>) -> Verdict;
}

/// `Err` with a text unless the condition holds.
macro_rules! claim {
    ($condition:expr, $($text:tt)*) => {
        if !$condition {
            return Err(format!($($text)*));
        }
    };
}
pub(crate) use claim;
