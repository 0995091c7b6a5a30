//! `replay`: old frames again.

use super::Liar;
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::Behaviour;
use std::collections::VecDeque;

/// The number of old frames it keeps, and how many it adds to an exchange.
const KEPT: usize = 64;
const REPLAYED: usize = 4;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "replay",
    form: "replay",
    summary: "old frames again",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(_: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Replay { heard: VecDeque::new(), turn: 0 })
}

/// Adds frames that it once heard, from whomever, to every exchange that it begins.
#[derive(Debug)]
struct Replay {
    heard: VecDeque<Vec<u8>>,
    turn: usize,
}

impl Behaviour for Replay {
    fn overhear(&mut self, frame: &[u8]) {
        self.heard.push_back(frame.to_vec());
        if self.heard.len() > KEPT {
            self.heard.pop_front();
        }
    }

    fn besides(&mut self) -> Vec<Vec<u8>> {
        self.turn += 1;
        let again = self.heard.iter().cycle().skip(self.turn * REPLAYED);
        again.take(REPLAYED.min(self.heard.len())).cloned().collect()
    }
}
