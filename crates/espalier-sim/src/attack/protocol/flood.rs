//! `flood`: many operations that say nothing.

use super::{Liar, sign};
use crate::attack::registry::{AttackInfo, Kind};
use crate::node::behaviour::{Behaviour, Turn};
use espalier_identity::Digest;
use espalier_lattice::Dot;
use espalier_replica::{Body, ChangeError};
use espalier_trust::{Dimension, Q16};

/// The number of operations of each kind it signs in a round.
const FLOOD: u64 = 8;

pub(in crate::attack) const INFO: AttackInfo = AttackInfo {
    name: "flood",
    form: "flood",
    summary: "many operations that say nothing, in the first half of the rounds",
    parameters: &[],
    kind: Kind::Protocol(behave),
};

fn behave(liar: &Liar<'_>) -> Box<dyn Behaviour> {
    Box::new(Flood { until: liar.half_time() })
}

/// Signs measurements that say nothing and removals of what never was, many in each round of the
/// first half of the run. None of it is a fault.
#[derive(Debug)]
struct Flood {
    until: u32,
}

impl Behaviour for Flood {
    fn act(&mut self, turn: &mut Turn<'_>) -> Result<(), ChangeError> {
        let id = turn.node.id;
        for i in 0..FLOOD * u64::from(turn.round <= self.until) {
            let subject = turn.ids[i as usize % turn.ids.len()];
            // Another number each time, so that no two contradict each other.
            let epoch = u64::from(turn.round) * FLOOD + i;
            let (dimension, about) = (Dimension::Accuracy, Digest::ZERO);
            let value = Q16::from_raw((i as u32 * 8_191) % 65_536);
            sign(turn.node, Body::Attest { subject, dimension, epoch, about, value })?;
            let targets = vec![Dot::new(id, u64::MAX - i)];
            sign(turn.node, Body::Retract { targets })?;
        }
        Ok(())
    }
}
