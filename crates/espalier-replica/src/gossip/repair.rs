//! Finding the operations in which two replicas differ where frontiers cannot show it: the other
//! halves of forks.
//!
//! ```text
//! A → B  Symbols  a few coded symbols of my operations
//! B → A  More     not enough; so many more         again, until B can decode
//! A → B  Symbols
//! B → A  Repair   operations you lack, and which of yours I want
//! A → B  Repair   these
//! ```
//!
//! The cost is that of the difference, whatever both hold in common; see [`espalier_reconcile`].
//! Where the difference is too large for that, B asks for lists of identifiers in its place, one
//! bounded range after the other, beginning anywhere:
//!
//! ```text
//! B → A  List     your operations from this identifier on
//! A → B  Ids      some, up to this one
//! B → A  Repair   and List, from the next one on
//! ```
//!
//! What B remembers is in [`Comparisons`](crate::gossip::comparisons::Comparisons), and it is
//! bounded. It only saves bytes: every message says what it is about, and what is lost is asked for
//! again.

use crate::gossip::Replica;
use crate::gossip::comparisons::{Arrived, Comparison, Limits};
use crate::gossip::effect::{Effect, ReceiveError, send};
use crate::gossip::waiting::Waiting;
use crate::signed::op::{OpId, VerifiedOp};
use crate::wire::batch::Packed;
use crate::wire::message::{Message, Scope, Seen, Symbols};
use espalier_identity::{Domain, PeerId};
use espalier_reconcile::{Decoder, Encoder, Salt, SetDifference, Short, enough_symbols};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

static SALT: Domain = Domain::new("espalier comparison salt v1");

/// By what identifiers are put into ranges.
fn prefix(id: &OpId) -> u64 {
    id.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Where lists begin under a salt. They go up from there, then on from 0, so that whatever is lost
/// on the way, every range has its turn in some comparison.
fn beginning(salt: &Salt) -> u64 {
    salt.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Where the list after this one begins; None if all have had their turn.
fn after(salt: &Salt, list: &RangeInclusive<u64>) -> Option<u64> {
    let (beginning, next) = (beginning(salt), list.end().checked_add(1));
    if list.is_empty() {
        None
    } else if *list.start() < beginning {
        next.filter(|next| *next < beginning)
    } else {
        next.or((beginning > 0).then_some(0))
    }
}

impl Replica {
    /// Begins a comparison with `peer`: of everything, or of what both have seen if it has seen as
    /// far as `theirs`.
    pub(crate) fn compare(&mut self, peer: PeerId, theirs: Option<&Seen>) -> Effect {
        let upto = theirs.map(|theirs| {
            let mut common = self.state.frontier();
            for (author, top) in &mut common.0 {
                *top = theirs.top(self.state.policy(), author).min(*top);
            }
            common.0.retain(|_, top| *top > 0);
            Seen::new(&common, self.state.policy())
        });
        let scope = Scope { salt: self.new_salt(&peer), upto };
        let first = self.comparisons.limits.first;
        send(peer, &self.symbols(scope, 0, first))
    }

    /// A salt that nobody else can know beforehand: the first bytes of a hash of a signature of
    /// one's own, which is never shown.
    fn new_salt(&mut self, peer: &PeerId) -> Salt {
        self.comparisons.begun += 1;
        let (root, begun) = (self.state.ops_root(), self.comparisons.begun);
        let about = SALT.fields().digest(&root).field(peer.as_bytes()).number(begun).finish();
        let secret = SALT.hash(self.key.sign(&about).as_bytes());
        let mut salt = [0; 16];
        salt.copy_from_slice(&secret.as_bytes()[..16]);
        Salt::new(salt)
    }

    /// Whether operations are within a scope.
    fn within(&self, scope: &Scope) -> impl Fn(&VerifiedOp) -> bool + use<> {
        let (policy, upto) = (self.state.policy().clone(), scope.upto.clone());
        move |op| {
            let (author, seq) = (op.op().author, op.op().seq);
            upto.as_ref().is_none_or(|upto| seq <= upto.top(&policy, &author))
        }
    }

    /// A stretch of the coded symbols of this replica's operations, no longer than the limits
    /// allow.
    pub(crate) fn symbols(&self, scope: Scope, first: u64, count: u64) -> Message<'static> {
        let limits = self.comparisons.limits;
        let count = count.min(limits.step).min(limits.symbols.saturating_sub(first));
        let within = self.within(&scope);
        let ops = self.state.ops().filter(|op| within(op));
        let ids: Vec<_> = ops.map(|op| scope.salt.short(op.id().as_bytes())).collect();
        let size = ids.len() as u64;
        let mut encoder = Encoder::new(&scope.salt, ids);
        let whole = encoder.take(1).first().copied().unwrap_or_default();
        let symbols = match first.checked_sub(1) {
            None => {
                let rest = encoder.take((count as usize).saturating_sub(1));
                [whole].into_iter().chain(rest).collect()
            }
            Some(before) => {
                encoder.skip(before);
                encoder.take(count as usize)
            }
        };
        Message::Symbols(Symbols { scope, size, whole, first, symbols })
    }

    /// Takes symbols of `from`: decodes them, asks for more, or asks for lists.
    pub(crate) fn on_symbols(
        &mut self,
        from: PeerId,
        symbols: Symbols,
    ) -> Result<Vec<Effect>, ReceiveError> {
        let limits = self.comparisons.limits;
        // No replica sends more in one message, and peeling takes ten times their bytes.
        if symbols.symbols.len() as u64 > Limits::default().step {
            return Err(ReceiveError::TooMany);
        }
        let scope = symbols.scope.clone();
        let all = match self.comparisons.arrive(from, symbols) {
            Arrived::Next(all) => all,
            Arrived::Gap { first, count } => {
                return Ok(vec![send(from, &Message::More { scope, first, count })]);
            }
            Arrived::Stale => return Ok(Vec::new()),
        };
        let ours = self.known(&scope);
        let (have, theirs) = (all.symbols.len() as u64, all.size);
        let enough = enough_symbols(ours.len(), usize::try_from(theirs).unwrap_or(usize::MAX));
        let limit = limits.symbols.min(enough as u64);
        let mut decoder = Decoder::new(&scope.salt, ours, limit as usize);
        let decoded = decoder.extend(&all.symbols);
        if let Some(difference) = decoder.difference() {
            self.comparisons.set(from, Comparison::Over(scope.salt));
            return Ok(self.settle(from, scope.salt, &difference));
        }
        let suggested = decoder.suggest(theirs);
        if decoded.is_err() || have >= limit || suggested > limits.symbols {
            self.comparisons.set(from, Comparison::Over(scope.salt));
            let first = beginning(&scope.salt);
            return Ok(vec![send(from, &Message::List { scope, from: first })]);
        }
        // An estimate may be too low, so there are always half as many more.
        let count = suggested.max(have + have.div_ceil(2)).min(limit) - have;
        let count = count.min(limits.step);
        self.comparisons.set(from, Comparison::Symbols(all));
        Ok(vec![send(from, &Message::More { scope, first: have, count })])
    }

    /// The operations in a scope that this replica holds or waits with for their tensors: none that
    /// it would have to be told of.
    fn known(&self, scope: &Scope) -> BTreeSet<Short> {
        let within = self.within(scope);
        let waiting = self.waiting.iter().flat_map(Waiting::ops);
        let ops = self.state.ops().chain(waiting).filter(|op| within(op));
        ops.map(|op| scope.salt.short(op.id().as_bytes())).collect()
    }

    fn settle(&self, from: PeerId, salt: Salt, difference: &SetDifference) -> Vec<Effect> {
        let want = difference.theirs.iter().copied().collect();
        self.repair(from, salt, &difference.ours, want).into_iter().collect()
    }

    /// Sends the operations with these short identifiers, and says which it wants.
    pub(crate) fn repair(
        &self,
        to: PeerId,
        salt: Salt,
        ours: &BTreeSet<Short>,
        want: Vec<Short>,
    ) -> Option<Effect> {
        let chosen = |op: &VerifiedOp| ours.contains(&salt.short(op.id().as_bytes()));
        let batch = if ours.is_empty() { Packed::default() } else { self.chosen(chosen) };
        let needed = !batch.bytes().is_empty() || !want.is_empty();
        needed.then(|| send(to, &Message::Repair { batch, salt, want }))
    }

    /// This replica's operations whose identifiers begin with `first` or a greater number, as many
    /// as one message takes.
    pub(crate) fn list(&self, to: PeerId, scope: Scope, first: u64) -> Effect {
        let (within, most) = (self.within(&scope), self.comparisons.limits.ids);
        let ops = self.state.ops().filter(|op| within(op) && prefix(&op.id()) >= first);
        let mut ids: Vec<_> =
            ops.map(|op| (prefix(&op.id()), scope.salt.short(op.id().as_bytes()))).collect();
        let mut last = u64::MAX;
        if ids.len() > most {
            let (_, (prefix, _), _) = ids.select_nth_unstable(most);
            // Up to before the first that is too many; with all that begin alike if they begin as
            // the range does, which nobody can make many do.
            last = prefix.saturating_sub(1).max(first);
            ids.retain(|(prefix, _)| *prefix <= last);
        }
        let mut ids: Vec<_> = ids.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        send(to, &Message::Ids { scope, from: first, to: last, ids })
    }

    /// Compares a list with what is here, and goes on with the next one.
    pub(crate) fn on_ids(
        &self,
        from: PeerId,
        scope: Scope,
        range: RangeInclusive<u64>,
        mut ids: Vec<Short>,
    ) -> Result<Vec<Effect>, ReceiveError> {
        // An honest list is longer only where many identifiers begin alike.
        if ids.len() > 2 * Limits::default().ids {
            return Err(ReceiveError::TooMany);
        }
        ids.sort_unstable();
        ids.dedup();
        let within = self.within(&scope);
        let ours = self.state.ops().filter(|op| within(op) && range.contains(&prefix(&op.id())));
        let ours = ours.map(|op| scope.salt.short(op.id().as_bytes()));
        let ours = ours.filter(|id| ids.binary_search(id).is_err()).collect();
        let known = self.known(&scope);
        ids.retain(|id| !known.contains(id));
        let mut effects: Vec<_> = self.repair(from, scope.salt, &ours, ids).into_iter().collect();
        if let Some(first) = after(&scope.salt, &range) {
            effects.push(send(from, &Message::List { scope, from: first }));
        }
        Ok(effects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::effect::ExchangeMode;
    use crate::signed::op::{Body, SignedOp};
    use crate::signed::policy::{Policy, PolicySpec};
    use crate::state::MergeState;
    use crate::state::change::Draft;
    use espalier_identity::Keypair;
    use std::collections::VecDeque;

    const FEW: Limits = Limits { first: 2, step: 4, symbols: 8, ids: 5 };

    fn statements(author: u8, lamport: u64, count: u64) -> Vec<SignedOp> {
        let mut state = MergeState::new(Policy::new(PolicySpec::any_schema()).expect("legal"));
        let key = Keypair::from_seed([author; 32]);
        for _ in 0..count {
            let mut op = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() });
            op.lamport += lamport;
            state.apply(vec![op.sign(&key)]).expect("well formed");
        }
        state.ops().map(|op| op.signed().clone()).collect()
    }

    /// Two replicas with chains of this length of which nothing but the length is the same.
    fn forked(length: u64, limits: Limits) -> [Replica; 2] {
        [1, 2].map(|side| {
            let policy = Policy::new(PolicySpec::any_schema()).expect("legal");
            let key = Keypair::from_seed([100 + side; 32]);
            let mut replica = Replica::new(key, MergeState::new(policy), ExchangeMode::Delta);
            let ops = (0..4).flat_map(|author| statements(author, u64::from(side), length));
            let taken = replica.change(|state, _| {
                state.apply(ops.collect()).expect("well formed");
                Ok(())
            });
            taken.expect("nothing fails");
            replica.comparisons.limits = limits;
            replica
        })
    }

    /// One exchange of which every `lost`-th message is lost; how many messages it took.
    fn exchange(pair: &mut [Replica; 2], lost: &mut impl FnMut() -> bool) -> usize {
        let ids = pair.each_ref().map(Replica::id);
        let mut mail: VecDeque<_> = pair[0].start(ids[1]).into_iter().map(|e| (1, e)).collect();
        let mut sent = 0;
        while let Some((to, effect)) = mail.pop_front() {
            let Effect::Send { frame, .. } = effect else { panic!("there are no tensors") };
            sent += 1;
            let message = Message::from_frame(&frame).expect("a message");
            match &message {
                Message::Symbols(s) => assert!(s.symbols.len() as u64 <= FEW.step),
                Message::Ids { ids, .. } => assert!(ids.len() <= FEW.ids),
                _ => {}
            }
            if lost() {
                continue;
            }
            let received = pair[to].receive(ids[1 - to], &frame).expect("honest");
            mail.extend(received.effects.into_iter().map(|effect| (1 - to, effect)));
        }
        sent
    }

    #[test]
    fn differences_beyond_the_limits_are_repaired_list_by_list() {
        let mut pair = forked(10, FEW);
        let sent = exchange(&mut pair, &mut || false);
        assert_eq!(pair[0].state, pair[1].state, "in one exchange");
        assert_eq!(pair[0].state.op_count(), 80);
        assert!(sent < 80, "{sent} messages");
    }

    #[test]
    fn lists_that_are_cut_off_all_have_their_turn() {
        for seed in 0..8_u32 {
            let mut pair = forked(10, FEW);
            let mut random = seed;
            let mut lost = || {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                random >> 24 < 64
            };
            let mut exchanges = 0;
            while pair[0].state != pair[1].state {
                exchange(&mut pair, &mut lost);
                // Whatever was remembered of it is lost too.
                pair.iter_mut().for_each(|replica| replica.comparisons.going_on.clear());
                exchanges += 1;
                assert!(exchanges < 2000, "seed {seed}");
            }
        }
    }

    #[test]
    fn what_was_forgotten_of_a_comparison_comes_again() {
        // Decodes within its limits, but remembers nothing from one message to the next.
        let limits = Limits { first: 2, step: 64, symbols: 64, ids: 5 };
        let mut pair = forked(4, limits);
        let ids = pair.each_ref().map(Replica::id);
        let mut mail = VecDeque::from([(1, pair[0].compare(ids[1], None))]);
        let mut asked = 0;
        while let Some((to, effect)) = mail.pop_front() {
            let Effect::Send { frame, .. } = effect else { panic!("there are no tensors") };
            let message = Message::from_frame(&frame).expect("a message");
            assert!(!matches!(message, Message::List { .. }), "it decodes");
            asked += u32::from(matches!(message, Message::More { .. }));
            let received = pair[to].receive(ids[1 - to], &frame).expect("honest");
            mail.extend(received.effects.into_iter().map(|effect| (1 - to, effect)));
            pair.iter_mut().for_each(|replica| replica.comparisons.going_on.clear());
        }
        assert_eq!(pair[0].state, pair[1].state);
        assert!(asked < 12, "{asked} times");
    }

    #[test]
    fn ranges_go_round_once() {
        for begin in [0, 1, 77, u64::MAX] {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&begin.to_be_bytes());
            let salt = Salt::new(bytes);
            let (mut first, mut turns) = (begin, Vec::new());
            loop {
                let list = first..=first.saturating_add(u64::MAX / 3);
                turns.push(list.clone());
                let Some(next) = after(&salt, &list) else { break };
                first = next;
            }
            assert!((3..=6).contains(&turns.len()), "{turns:?}");
            let covered = |id: u64| turns.iter().any(|list| list.contains(&id));
            for id in [0, 1, 76, 77, 78, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
                assert!(covered(id), "{id} from {begin}");
            }
        }
    }

    #[test]
    fn a_scope_leaves_out_what_one_side_cannot_have() {
        let mut pair = forked(3, Limits::default());
        let ids = pair.each_ref().map(Replica::id);
        // The first side goes on, with a contribution whose tensors the other would have to ask
        // for.
        let model = espalier_tensor::Model::from_f32(&[("w", &[1], &[1.0])]).expect("legal");
        pair[0].change(|state, key| state.add(key, Draft::new("m", model))).expect("legal");
        let theirs = Seen::new(&pair[1].state.frontier(), pair[1].state.policy());
        let Effect::Send { frame, .. } = pair[0].compare(ids[1], Some(&theirs)) else {
            panic!("a message")
        };
        let Ok(Message::Symbols(symbols)) = Message::from_frame(&frame) else { panic!("symbols") };
        assert_eq!(symbols.size, 12, "all but the newcomer");
    }
}
