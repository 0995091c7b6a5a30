//! Traffic: every message that is heard or lost was sent, none is heard more often than it was
//! sent, and all ways of counting bytes give one sum.

use crate::engine::{Happening, Passage, Passed};
use crate::swarm::facts::Facts;
use crate::swarm::look::{AfterRound, Checker, Seen, Setting, Verdict, claim};
use std::collections::BTreeMap;

/// From whom, to whom, and the message's fingerprint.
type Mail = (usize, usize, u64);

/// The messages in flight, and sums.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    under_way: BTreeMap<Mail, usize>,
    sent: u64,
    audited: u64,
    /// What was heard, by sender and receiver, and the same from the log.
    heard: BTreeMap<(usize, usize), [u64; 2]>,
}

impl Checker for Traffic {
    fn name(&self) -> &'static str {
        "traffic"
    }

    fn check(&mut self, setting: &Setting<'_>, _: &Facts, seen: &Seen<'_>) -> Verdict {
        match seen {
            Seen::Passed(passed) => self.pass(setting, passed),
            Seen::Record(record) => {
                let (node, peer) = (record.node as usize, record.peer as usize);
                match record.what {
                    // Mail to a node that goes down or leaves is gone.
                    Happening::Crash | Happening::Leave => {
                        self.under_way.retain(|(_, to, _), _| *to != node);
                    }
                    Happening::Deliver => self.heard.entry((node, peer)).or_default()[1] += 1,
                    _ => {}
                }
                Ok(())
            }
            Seen::Round(scene) => self.round(scene),
            Seen::End(scene) => self.end(scene),
            Seen::Node(_) | Seen::Back(_) => Ok(()),
        }
    }
}

impl Traffic {
    fn pass(&mut self, setting: &Setting<'_>, passed: &Passed) -> Verdict {
        let Passed { from, to, mark, what } = *passed;
        let mail = (from, to, mark);
        let what = match what {
            Passage::Sent { bytes, copies } => {
                let most = if setting.config.duplicate > 0.0 { 2 } else { 1 };
                claim!(
                    (1..=most).contains(&copies),
                    "a message from node_{from} to node_{to} was sent {copies} times"
                );
                *self.under_way.entry(mail).or_default() += copies;
                self.sent += bytes * copies as u64;
                return Ok(());
            }
            Passage::Restarted => return Ok(()),
            Passage::TakenIn { .. } => {
                self.heard.entry((from, to)).or_default()[0] += 1;
                "heard"
            }
            Passage::Lost => "lost",
            Passage::Dropped => "dropped",
        };
        let copies = self.under_way.get(&mail).copied().unwrap_or(0);
        claim!(
            copies > 0,
            "a message from node_{from} to node_{to} was {what} more often than it was sent"
        );
        match copies {
            1 => self.under_way.remove(&mail),
            copies => self.under_way.insert(mail, copies - 1),
        };
        Ok(())
    }

    fn round(&mut self, scene: &AfterRound<'_>) -> Verdict {
        self.audited += scene.audited;
        let (sent, carried) = (self.sent, scene.carried);
        claim!(sent == carried, "messages of {sent} bytes were sent, and {carried} are counted");
        claim!(
            self.audited <= carried,
            "exchanges account for {} bytes, and {carried} are counted",
            self.audited
        );
        for ((from, to), [heard, logged]) in &self.heard {
            claim!(
                heard == logged,
                "messages that node_{to} heard of node_{from}: {heard}, and in the log: {logged}"
            );
        }
        Ok(())
    }

    fn end(&self, scene: &AfterRound<'_>) -> Verdict {
        claim!(scene.quiet, "messages are in flight without end");
        let left: usize = self.under_way.values().sum();
        claim!(left == 0, "messages were sent and neither heard nor lost: {left}");
        claim!(
            self.audited == self.sent,
            "exchanges account for {} bytes of {} that were sent",
            self.audited,
            self.sent
        );
        Ok(())
    }
}
