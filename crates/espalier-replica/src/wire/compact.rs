//! One operation as a batch packs it: without what the policy, the operation before it, or the
//! bytes of its tensors say already.
//!
//! What is signed does not change, only how it is written: unpacking makes exactly the signed
//! operation again. If anything on the way was changed, the author's signature no longer holds.
//!
//! ```text
//! head        byte: the body's number, and whether GOES_ON, HAS_DEPS
//! author      key            left out where it goes on: the same author's next operation, whose
//! seq         number         `prev` is the one just before
//! prev        digest         only where seq is above 1
//! deps        digests        where it has some
//! lamport     number
//! body        see below
//! signature   64 bytes
//! ```
//!
//! A contribution is a byte of marks, its name, weight, which layout its manifest has, the contents
//! (the bytes of all tensors where they are inside, else their digests), the bound, and what the
//! marks do not say of base, round and replaced dots.

use crate::signed::bound::Bound;
use crate::signed::op::{Body, Contribution, MAX_READ_TARGETS, Op, OpId, SignedOp, Weight};
use crate::wire::layouts::{BatchError, Chosen};
use crate::wire::packing::{Malformed, Reader, Writer};
use crate::wire::shapes::Shapes;
use espalier_identity::{Digest, PeerId, canonical};
use espalier_lattice::Dot;
use espalier_tensor::Content;
use espalier_trust::{Dimension, Q16};
use std::cell::OnceCell;

/// Marks of an operation, next to the number of its body.
const GOES_ON: u8 = 1 << 3;
const HAS_DEPS: u8 = 1 << 4;
const BODY: u8 = GOES_ON - 1;

/// Marks of a contribution.
const INSIDE: u8 = 1;
const WHOLE_WEIGHT: u8 = 1 << 1;
const POLICY_BASE: u8 = 1 << 2;
const OTHER_BASE: u8 = 1 << 3;
const HAS_ROUND: u8 = 1 << 4;
const REPLACES: u8 = 1 << 5;

/// An operation as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) signed: SignedOp,
    /// The bytes of its tensors, one after the other, if they travel with it.
    pub(crate) inside: Option<Vec<Content>>,
    id: OnceCell<OpId>,
}

/// Which operation, and where it stands in its author's chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) dot: Dot<PeerId>,
    pub(crate) id: OpId,
}

impl Sent {
    pub(crate) fn new(signed: SignedOp, inside: Option<Vec<Content>>) -> Self {
        Self { signed, inside, id: OnceCell::new() }
    }

    pub(crate) fn id(&self) -> OpId {
        *self.id.get_or_init(|| self.signed.id())
    }

    /// What the one after it has to know.
    pub(crate) fn place(&self) -> Place {
        Place { dot: self.signed.op.dot(), id: self.id() }
    }

    /// Whether this is the operation right after `before` in one chain.
    fn goes_on(&self, before: Option<&Place>) -> bool {
        before.is_some_and(|before| {
            let (op, last) = (&self.signed.op, &before.dot);
            let next = op.author == last.actor && Some(op.seq) == last.seq.checked_add(1);
            next && op.seq > 1 && op.prev == Some(before.id)
        })
    }

    /// Packs it as what comes after `before`. An operation that has a `prev` at a place where
    /// none may be, or none where one has to be, is not legal and never gets here.
    pub(crate) fn pack(&self, before: Option<&Place>, layout: Chosen<'_>, to: &mut Writer<'_>) {
        let SignedOp { op, signature } = &self.signed;
        let goes_on = self.goes_on(before);
        let mark = |is: bool, mark: u8| if is { mark } else { 0 };
        to.byte(number_of(&op.body) | mark(goes_on, GOES_ON) | mark(!op.deps.is_empty(), HAS_DEPS));
        if !goes_on {
            to.key(&op.author);
            to.number(op.seq);
            if op.seq > 1 {
                to.raw(op.prev.unwrap_or(Digest::ZERO).as_bytes());
            }
        }
        if !op.deps.is_empty() {
            to.digests(&op.deps);
        }
        to.number(op.lamport);
        pack_body(&op.body, self.inside.as_deref(), layout, to);
        to.raw(signature.as_bytes());
    }

    /// Unpacks the operation after `before`, with the layout it has if it is a contribution.
    pub(crate) fn unpack(
        before: Option<&Place>,
        layouts: &Shapes<'_>,
        from: &mut Reader<'_>,
    ) -> Result<(Self, Option<usize>), BatchError> {
        let head = from.byte()?;
        let (author, seq, prev) = if head & GOES_ON == 0 {
            let (author, seq) = (from.key()?, from.number()?);
            (author, seq, if seq > 1 { Some(from.digest()?) } else { None })
        } else {
            let before = before.ok_or(BatchError::Malformed)?;
            let Dot { actor, seq } = before.dot;
            (actor, seq.checked_add(1).ok_or(BatchError::Malformed)?, Some(before.id))
        };
        let deps = if head & HAS_DEPS == 0 { Vec::new() } else { from.digests()? };
        let lamport = from.number()?;
        // Marks that nobody knows make other bytes when it is packed again.
        let (body, inside, layout) = unpack_body(head & BODY, layouts, from)?;
        let signature = from.signature()?;
        let op = Op { author, seq, prev, deps, lamport, body };
        Ok((Self::new(SignedOp { op, signature }, inside), layout))
    }
}

/// By how much an operation is shorter where it goes on.
pub(crate) fn saved(op: &Op, to: &mut Writer<'_>) -> usize {
    let before = to.len();
    to.key(&op.author);
    to.number(op.seq);
    to.len() - before + if op.seq > 1 { 32 } else { 0 }
}

fn number_of(body: &Body) -> u8 {
    match body {
        Body::Contribute(_) => 0,
        Body::Retract { .. } => 1,
        Body::Attest { .. } => 2,
        Body::Evidence(_) => 3,
        Body::Vote { .. } => 4,
    }
}

fn pack_body(body: &Body, inside: Option<&[Content]>, layout: Chosen<'_>, to: &mut Writer<'_>) {
    match body {
        Body::Contribute(contribution) => pack_contribution(contribution, inside, layout, to),
        Body::Retract { targets } => pack_dots(targets, to),
        Body::Attest { subject, dimension, epoch, about, value } => {
            to.key(subject);
            to.byte(*dimension as u8);
            to.number(*epoch);
            to.raw(about.as_bytes());
            to.number(u64::from(value.raw()));
        }
        Body::Evidence(fault) => to.value(fault),
        Body::Vote { subject, admit } => {
            to.key(subject);
            to.byte(u8::from(*admit));
        }
    }
}

type Unpacked = (Body, Option<Vec<Content>>, Option<usize>);

fn unpack_body(
    number: u8,
    layouts: &Shapes<'_>,
    from: &mut Reader<'_>,
) -> Result<Unpacked, BatchError> {
    let body = match number {
        0 => return unpack_contribution(layouts, from),
        1 => Body::Retract { targets: unpack_dots(from)? },
        2 => {
            let subject = from.key()?;
            let dimension = match from.byte()? {
                0 => Dimension::Accuracy,
                1 => Dimension::Consistency,
                _ => return Err(BatchError::Malformed),
            };
            let (epoch, about) = (from.number()?, from.digest()?);
            let value =
                Q16::from_raw(u32::try_from(from.number()?).map_err(|_| BatchError::Malformed)?);
            Body::Attest { subject, dimension, epoch, about, value }
        }
        3 => Body::Evidence(canonical::decode(from.string()?).map_err(|_| BatchError::Malformed)?),
        4 => Body::Vote { subject: from.key()?, admit: from.byte()? == 1 },
        _ => return Err(BatchError::Malformed),
    };
    Ok((body, None, None))
}

fn pack_dots(dots: &[Dot<PeerId>], to: &mut Writer<'_>) {
    to.number(dots.len() as u64);
    for dot in dots {
        to.key(&dot.actor);
        to.number(dot.seq);
    }
}

fn unpack_dots(from: &mut Reader<'_>) -> Result<Vec<Dot<PeerId>>, BatchError> {
    // In memory they are longer than here, so there are no more than anybody reads.
    let count = from.count(2)?;
    if count > MAX_READ_TARGETS {
        return Err(BatchError::Malformed);
    }
    (0..count).map(|_| Ok(Dot::new(from.key()?, from.number()?))).collect()
}

fn pack_contribution(
    contribution: &Contribution,
    inside: Option<&[Content]>,
    layout: Chosen<'_>,
    to: &mut Writer<'_>,
) {
    let Contribution { name, weight, manifest, bound, base, round, replaces } = contribution;
    let (weight, whole) = match weight.raw() {
        raw if raw.trailing_zeros() >= 16 => (raw >> 16, WHOLE_WEIGHT),
        raw => (raw, 0),
    };
    let mark = |is: bool, mark: u8| if is { mark } else { 0 };
    let of_policy = base.is_some() && *base == to.policy.spec().base;
    let based = match base {
        None => 0,
        Some(_) => mark(of_policy, POLICY_BASE) | mark(!of_policy, OTHER_BASE),
    };
    let rest = mark(*round > 0, HAS_ROUND) | mark(!replaces.is_empty(), REPLACES);
    to.byte(mark(inside.is_some(), INSIDE) | whole | based | rest);
    to.string(name.as_bytes());
    to.number(weight);
    layout.pack(manifest, to);
    match inside {
        Some(contents) => contents.iter().for_each(|content| to.raw(content)),
        None => manifest.tensors().iter().for_each(|meta| to.raw(meta.content.as_bytes())),
    }
    to.raw(&bound.bits().to_le_bytes());
    base.iter().filter(|_| !of_policy).for_each(|base| to.raw(base.as_bytes()));
    if *round > 0 {
        to.number(*round);
    }
    if !replaces.is_empty() {
        pack_dots(replaces, to);
    }
}

fn unpack_contribution(
    layouts: &Shapes<'_>,
    from: &mut Reader<'_>,
) -> Result<Unpacked, BatchError> {
    let marks = from.byte()?;
    let has = |mark: u8| marks & mark != 0;
    let name = from.text()?;
    let weight = from.number()?;
    let weight = match has(WHOLE_WEIGHT) {
        true => weight.checked_mul(1 << 16).ok_or(BatchError::Malformed)?,
        false => weight,
    };
    let index = layouts.unpack_index(from)?;
    let layout = layouts.get(index)?;
    let (manifest, inside) = if has(INSIDE) {
        if !layout.fits_inside() {
            return Err(BatchError::Malformed);
        }
        let mut contents = Vec::with_capacity(layout.count());
        let manifest = layout.manifest(|len| {
            let len = usize::try_from(len).map_err(|_| Malformed)?;
            let content = Content::from(from.raw(len)?.to_vec());
            contents.push(content.clone());
            Ok(content.digest())
        })?;
        (manifest, Some(contents))
    } else {
        // All of it has to be here before it is unpacked.
        if from.left() / 32 < layout.count() {
            return Err(BatchError::Malformed);
        }
        (layout.manifest(|_| from.digest())?, None)
    };
    let bound = Bound::from_bits(from.word()?);
    let base = match (has(POLICY_BASE), has(OTHER_BASE)) {
        (false, false) => None,
        (true, _) => from.policy.spec().base,
        (false, true) => Some(from.digest()?),
    };
    let round = if has(HAS_ROUND) { from.number()? } else { 0 };
    let replaces = if has(REPLACES) { unpack_dots(from)? } else { Vec::new() };
    let weight = Weight::from_raw(weight);
    let contribution = Contribution { name, weight, manifest, bound, base, round, replaces };
    Ok((Body::Contribute(contribution), inside, Some(index)))
}
