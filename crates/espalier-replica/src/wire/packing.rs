//! Numbers, keys and byte strings as a batch packs them, and reading them back.
//!
//! A reader never trusts a length beyond its input, and nothing here allocates before it has read.
//! Numbers are varints as in canonical bytes: seven bits in each byte, the lowest first. A reader
//! also takes padded ones; whoever reads a batch packs it again and compares.

use crate::signed::policy::Policy;
use espalier_identity::{Digest, PeerId, Signature, canonical};
use serde::Serialize;

/// The number of bits that a number needs.
pub(crate) fn bits(number: u64) -> u8 {
    (u64::BITS - number.leading_zeros()) as u8
}

/// The number of bytes the position of a key takes: as many as the length of the roster needs, so
/// that operations of different authors are equally long.
pub(crate) fn position_len(policy: &Policy) -> usize {
    usize::from(bits(policy.spec().roster.len() as u64).div_ceil(8))
}

/// Bytes that end too early, or say what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What packs: into bytes, or against bytes that have to be the same.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) policy: &'a Policy,
    sink: Sink<'a>,
}

#[derive(Debug)]
enum Sink<'a> {
    Bytes(Vec<u8>),
    /// What is still expected; nothing once something else came.
    Expected(Option<&'a [u8]>),
}

impl<'a> Writer<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        Self { policy, sink: Sink::Bytes(Vec::new()) }
    }

    /// One that compares what it is told to write with these bytes, and takes no memory.
    pub(crate) fn against(policy: &'a Policy, expected: &'a [u8]) -> Self {
        Self { policy, sink: Sink::Expected(Some(expected)) }
    }

    /// Whether exactly the expected bytes were written.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.sink, Sink::Expected(Some([])))
    }

    /// The number of bytes written.
    pub(crate) fn len(&self) -> usize {
        if let Sink::Bytes(bytes) = &self.sink { bytes.len() } else { 0 }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        if let Sink::Bytes(bytes) = self.sink { bytes } else { Vec::new() }
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    pub(crate) fn raw(&mut self, more: &[u8]) {
        match &mut self.sink {
            Sink::Bytes(bytes) => bytes.extend_from_slice(more),
            Sink::Expected(rest) => *rest = rest.and_then(|rest| rest.strip_prefix(more)),
        }
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// A byte string with its length before it.
    pub(crate) fn string(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    /// The canonical bytes of a value as a byte string.
    pub(crate) fn value(&mut self, value: &impl Serialize) {
        self.number(canonical::len(value) as u64);
        canonical::stream(value, |bytes| self.raw(bytes));
    }

    /// A key: its position on the policy's roster plus one, or 0 and the key.
    pub(crate) fn key(&mut self, key: &PeerId) {
        let position = self.policy.roster_index(key);
        let code = position.map_or(0, |position| position + 1);
        self.raw(&code.to_le_bytes()[..position_len(self.policy)]);
        if position.is_none() {
            self.raw(key.as_bytes());
        }
    }

    pub(crate) fn digests(&mut self, digests: &[Digest]) {
        self.number(digests.len() as u64);
        digests.iter().for_each(|digest| self.raw(digest.as_bytes()));
    }
}

/// What unpacks.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) policy: &'a Policy,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(policy: &'a Policy, bytes: &'a [u8]) -> Self {
        Self { policy, rest: bytes }
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The number of bytes left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn raw(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn word(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        read_number(&mut self.rest).ok_or(Malformed)
    }

    /// How many things of at least `least` bytes each follow.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        if count.saturating_mul(least) > self.left() { Err(Malformed) } else { Ok(count) }
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.count(1)?;
        self.raw(len)
    }

    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.string()?.to_vec()).map_err(|_| Malformed)
    }

    pub(crate) fn key(&mut self) -> Result<PeerId, Malformed> {
        let code = self.raw(position_len(self.policy))?.iter().rev();
        let code = code.fold(0, |code, byte| code << 8 | usize::from(*byte));
        match code.checked_sub(1) {
            None => self.array().map(PeerId::from_bytes),
            Some(position) => self.policy.spec().roster.get(position).copied().ok_or(Malformed),
        }
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, Malformed> {
        self.array().map(Digest::from_bytes)
    }

    pub(crate) fn digests(&mut self) -> Result<Vec<Digest>, Malformed> {
        let count = self.count(32)?;
        (0..count).map(|_| self.digest()).collect()
    }

    pub(crate) fn signature(&mut self) -> Result<Signature, Malformed> {
        self.array().map(Signature::from_bytes)
    }
}

/// Reads a number from the beginning of bytes.
pub(crate) fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::policy::PolicySpec;
    use espalier_identity::Keypair;
    use proptest::prelude::*;

    fn policy(n: u8) -> Policy {
        let roster = (0..n).map(|i| Keypair::from_seed([i; 32]).peer_id()).collect();
        Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).expect("legal")
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_in_canonical_bytes(number: u64, shift in 0..64_u32) {
            let (policy, number) = (policy(0), number >> shift);
            let mut writer = Writer::new(&policy);
            writer.number(number);
            let bytes = writer.into_bytes();
            prop_assert_eq!(&bytes, &canonical::encode(&number));
            let mut same = Writer::against(&policy, &bytes);
            same.number(number);
            prop_assert!(same.is_exact());
            same.byte(0);
            prop_assert!(!same.is_exact());
            let mut other = Writer::against(&policy, &bytes);
            other.number(number ^ 1);
            prop_assert!(!other.is_exact());
            let mut reader = Reader::new(&policy, &bytes);
            prop_assert_eq!((reader.number(), reader.left()), (Ok(number), 0));
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..40)) {
            let policy = policy(3);
            let read = || Reader::new(&policy, &noise);
            let _ = (read().number(), read().key(), read().string(), read().text());
            let _ = (read().digests(), read().signature(), read().word());
            prop_assert!(read().count(3).is_ok_and(|count| count * 3 <= noise.len())
                || read().count(3).is_err());
        }
    }

    #[test]
    fn keys_are_positions_where_they_can_be() {
        let policy = policy(3);
        for (seed, len) in [(0, 1), (1, 1), (2, 1), (3, 33)] {
            let key = Keypair::from_seed([seed; 32]).peer_id();
            let mut writer = Writer::new(&policy);
            writer.key(&key);
            assert_eq!(writer.len(), len);
            assert_eq!(Reader::new(&policy, &writer.into_bytes()).key(), Ok(key));
        }
        assert_eq!(Reader::new(&policy, &[4]).key(), Err(Malformed), "there is no fourth");
    }

    #[test]
    fn positions_are_as_long_as_the_roster_needs() {
        for (keys, len) in [(0, 0), (1, 1), (255, 1)] {
            assert_eq!(position_len(&policy(keys)), len);
        }
        let roster = (0..256).map(|i: u32| Keypair::from_seed([i as u8; 32]).peer_id());
        let more = (1..=9).map(|i| PeerId::from_bytes([i; 32]));
        let roster = roster.chain(more).collect();
        let long = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() }).expect("legal");
        assert_eq!(position_len(&long), 2);
        for key in &long.spec().roster {
            let mut writer = Writer::new(&long);
            writer.key(key);
            let bytes = writer.into_bytes();
            assert_eq!((bytes.len(), Reader::new(&long, &bytes).key()), (2, Ok(*key)));
        }
    }
}
