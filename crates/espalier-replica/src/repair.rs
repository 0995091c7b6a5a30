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
//! Where the difference is too large for that, B asks for lists of identifiers in its place, a
//! bounded range after the other:
//!
//! ```text
//! B → A  List     your operations from this identifier on
//! A → B  Ids      some, up to this one
//! B → A  Repair   and List, from the next one on
//! ```
//!
//! What B remembers is in [`Comparisons`], and it is bounded. It only saves bytes: every message
//! says what it is about, and what is lost is asked for again.

use crate::gossip::{Effect, ReceiveError, Replica, bounded, send};
use crate::intake::Waiting;
use crate::message::{Message, Scope, Seen, Symbols};
use crate::op::{OpId, VerifiedOp};
use crate::state::Frontier;
use espalier_identity::{Domain, PeerId};
use espalier_reconcile::{Decoder, Difference, Encoder, Salt, Short, enough_symbols};
use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;

static SALT: Domain = Domain::new("espalier comparison salt v1");

/// With how many peers a comparison is remembered; the oldest is forgotten.
const MAX_COMPARISONS: usize = 16;

/// How much a comparison may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Symbols in the first message: enough for about four differences.
    first: u64,
    /// Symbols in one message.
    step: u64,
    /// Symbols in all; beyond that, identifiers are listed.
    symbols: u64,
    /// Identifiers in one list.
    ids: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { first: 8, step: 1 << 13, symbols: 1 << 16, ids: 1 << 15 }
    }
}

/// The comparisons that are going on, of each peer at most one: what to lose costs bytes only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparisons {
    limits: Limits,
    /// How many were begun, so that no two have one salt.
    begun: u64,
    going_on: VecDeque<Comparison>,
}

#[derive(Debug, Clone)]
struct Comparison {
    peer: PeerId,
    progress: Progress,
    /// From where on the peer is to list its operations, if it comes to that.
    cursor: u64,
}

#[derive(Debug, Clone)]
enum Progress {
    /// The peer's symbols from index 0 on, which were not enough.
    Symbols(Symbols),
    /// The one under this salt is over: what still comes of it is stale.
    Over(Salt),
}

/// What the peer's symbols are to what came before.
enum Arrived {
    /// All symbols so far.
    Next(Symbols),
    /// Some are missing before these: so many more are to be sent from this index on.
    Gap { first: u64, count: u64 },
    /// Nothing new.
    Stale,
}

impl Comparisons {
    fn of(&mut self, peer: &PeerId) -> Option<&mut Comparison> {
        self.going_on.iter_mut().find(|comparison| comparison.peer == *peer)
    }

    /// Notes how far the comparison with `peer` is.
    fn set(&mut self, peer: PeerId, progress: Progress) {
        if let Some(known) = self.of(&peer) {
            known.progress = progress;
            return;
        }
        if self.going_on.len() >= MAX_COMPARISONS {
            self.going_on.pop_front();
        }
        self.going_on.push_back(Comparison { peer, progress, cursor: 0 });
    }

    /// Puts symbols to those that came before.
    fn arrive(&mut self, peer: PeerId, news: Symbols) -> Arrived {
        let end = news.first.saturating_add(news.symbols.len() as u64);
        match self.of(&peer).map(|comparison| &mut comparison.progress) {
            Some(Progress::Over(salt)) if *salt == news.scope.salt => Arrived::Stale,
            _ if news.first == 0 => Arrived::Next(news),
            Some(Progress::Symbols(known)) if known.is_continued_by(&news) => {
                let len = known.symbols.len() as u64;
                if news.first > len {
                    return Arrived::Gap { first: len, count: end - len };
                }
                if news.first < len {
                    return Arrived::Stale;
                }
                known.symbols.extend(news.symbols);
                Arrived::Next(known.clone())
            }
            // The beginning is forgotten, or it was of what the peer held before.
            _ => Arrived::Gap { first: 0, count: end },
        }
    }

    /// Forgets nothing of what another replica of the same node has begun.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.begun = self.begun.max(other.begun);
    }
}

impl Symbols {
    /// Whether these are symbols of the same operations.
    fn is_continued_by(&self, other: &Self) -> bool {
        (&self.scope, self.size, self.whole) == (&other.scope, other.size, other.whole)
    }
}

/// By what identifiers are put into ranges.
fn prefix(id: &OpId) -> u64 {
    id.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether operations are within a scope.
fn within(upto: Option<Frontier>) -> impl Fn(&VerifiedOp) -> bool {
    move |op| {
        let (author, seq) = (op.op().author, op.op().seq);
        upto.as_ref().is_none_or(|upto| upto.0.get(&author).is_some_and(|top| seq <= *top))
    }
}

impl Replica {
    /// Begins a comparison with `peer`: of everything, or of what both have seen if it has seen as
    /// far as `theirs`.
    pub(crate) fn compare(&mut self, peer: PeerId, theirs: Option<&Frontier>) -> Effect {
        let upto = theirs.map(|theirs| {
            let mut common = self.state.frontier();
            for (author, top) in &mut common.0 {
                *top = theirs.0.get(author).map_or(0, |theirs| *theirs.min(top));
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

    fn within(&self, scope: &Scope) -> impl Fn(&VerifiedOp) -> bool + use<> {
        within(scope.upto.as_ref().map(|seen| seen.frontier(self.state.policy())))
    }

    /// A stretch of the coded symbols of this replica's operations, no longer than the limits allow.
    pub(crate) fn symbols(&self, scope: Scope, first: u64, count: u64) -> Message {
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
        bounded(symbols.symbols.len())?;
        let scope = symbols.scope.clone();
        let limits = self.comparisons.limits;
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
            self.comparisons.set(from, Progress::Over(scope.salt));
            return Ok(self.settle(from, scope.salt, &difference));
        }
        let suggested = decoder.suggest(theirs);
        if decoded.is_err() || have >= limit || suggested > limits.symbols {
            self.comparisons.set(from, Progress::Over(scope.salt));
            return Ok(vec![self.ask_for_list(from, scope)]);
        }
        // An estimate may be too low, so there are always half as many more.
        let count = suggested.max(have + have.div_ceil(2)).min(limit) - have;
        let count = count.min(limits.step);
        self.comparisons.set(from, Progress::Symbols(all));
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

    fn settle(&self, from: PeerId, salt: Salt, difference: &Difference) -> Vec<Effect> {
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
        let batch = if ours.is_empty() { None } else { self.chosen(chosen) };
        let needed = batch.is_some() || !want.is_empty();
        needed.then(|| send(to, &Message::Repair { batch, salt, want }))
    }

    fn ask_for_list(&mut self, from: PeerId, scope: Scope) -> Effect {
        let first = self.comparisons.of(&from).map_or(0, |comparison| comparison.cursor);
        send(from, &Message::List { scope, from: first })
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
        &mut self,
        from: PeerId,
        scope: Scope,
        range: RangeInclusive<u64>,
        ids: Vec<Short>,
    ) -> Result<Vec<Effect>, ReceiveError> {
        bounded(ids.len())?;
        let (theirs, known) = (ids.into_iter().collect::<BTreeSet<_>>(), self.known(&scope));
        let within = self.within(&scope);
        let ours = self.state.ops().filter(|op| within(op) && range.contains(&prefix(&op.id())));
        let ours = ours.map(|op| scope.salt.short(op.id().as_bytes()));
        let ours = ours.filter(|id| !theirs.contains(id)).collect();
        let difference = Difference { theirs: theirs.difference(&known).copied().collect(), ours };
        let mut effects = self.settle(from, scope.salt, &difference);
        let next = range.end().checked_add(1).filter(|_| range.start() <= range.end());
        if let Some(comparison) = self.comparisons.of(&from) {
            comparison.cursor = next.unwrap_or(0);
        }
        if let Some(first) = next {
            effects.push(send(from, &Message::List { scope, from: first }));
        }
        Ok(effects)
    }
}
