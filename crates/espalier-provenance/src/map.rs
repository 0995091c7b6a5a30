//! A persistent, history-independent Merkle map: a binary radix (crit-bit) tree over the key bits.
//!
//! The shape is a function of the key set alone (Morrison, *PATRICIA*, 1968), so no order of
//! insertions and removals shows in the root. Keys are hashes, so paths have about log2 n steps; a
//! peer that grinds keys with long common prefixes can make its own paths longer, at most 256.

use crate::proof::{InclusionProof, ProofStep};
use espalier_identity::{Digest, Domain};
use std::sync::Arc;

static LEAF: Domain = Domain::new("espalier merkle leaf v1");
static BRANCH: Domain = Domain::new("espalier merkle branch v1");

pub(crate) fn leaf_hash(key: &Digest, value: &Digest) -> Digest {
    LEAF.fields().digest(key).digest(value).finish()
}

pub(crate) fn branch_hash(bit: u8, left: &Digest, right: &Digest) -> Digest {
    BRANCH.fields().number(u64::from(bit)).digest(left).digest(right).finish()
}

/// Bit `index` of a key, most significant first.
pub(crate) fn bit_of(key: &Digest, index: u8) -> bool {
    key.as_bytes()[usize::from(index / 8)] & (0x80 >> (index % 8)) != 0
}

/// The first bit in which two keys differ.
fn first_difference(a: &Digest, b: &Digest) -> Option<u8> {
    a.as_bytes().iter().zip(b.as_bytes()).zip(0u8..).find_map(|((x, y), byte)| {
        let differing = x ^ y;
        (differing != 0).then(|| byte * 8 + differing.leading_zeros() as u8)
    })
}

#[derive(Debug)]
enum Node {
    Leaf { key: Digest, value: Digest, hash: Digest },
    Branch { bit: u8, len: usize, hash: Digest, left: Arc<Self>, right: Arc<Self> },
}

impl Node {
    fn leaf(key: Digest, value: Digest) -> Arc<Self> {
        Arc::new(Self::Leaf { key, value, hash: leaf_hash(&key, &value) })
    }

    fn branch(bit: u8, left: Arc<Self>, right: Arc<Self>) -> Arc<Self> {
        let hash = branch_hash(bit, left.hash(), right.hash());
        let len = left.len() + right.len();
        Arc::new(Self::Branch { bit, len, hash, left, right })
    }

    fn hash(&self) -> &Digest {
        match self {
            Self::Leaf { hash, .. } | Self::Branch { hash, .. } => hash,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Leaf { .. } => 1,
            Self::Branch { len, .. } => *len,
        }
    }

    /// Some key below this node; all of them share the bits before the node's own.
    fn some_key(&self) -> &Digest {
        match self {
            Self::Leaf { key, .. } => key,
            Self::Branch { left, .. } => left.some_key(),
        }
    }

    /// The leaf at which a search for `key` ends.
    fn nearest(&self, key: &Digest) -> (&Digest, &Digest) {
        match self {
            Self::Leaf { key, value, .. } => (key, value),
            Self::Branch { bit, left, right, .. } => {
                if bit_of(key, *bit) {
                    right.nearest(key)
                } else {
                    left.nearest(key)
                }
            }
        }
    }

    fn walk(&self, visit: &mut impl FnMut(&Digest, &Digest)) {
        match self {
            Self::Leaf { key, value, .. } => visit(key, value),
            Self::Branch { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
        }
    }
}

/// How an entry differs between two maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDifference {
    /// Only the first map has it, with this value.
    Ours(Digest),
    /// Only the second map has it, with this value.
    Theirs(Digest),
    /// Both have the key, with these values.
    Both(Digest, Digest),
}

/// An authenticated map from keys to values; see the crate's header.
#[derive(Debug, Clone, Default)]
pub struct MerkleMap(Option<Arc<Node>>);

impl PartialEq for MerkleMap {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for MerkleMap {}

impl MerkleMap {
    /// The root of the map from these keys to zero, which is not made. They are ascending and
    /// different. O(n) hashes, no memory.
    ///
    /// ```
    /// use espalier_identity::Digest;
    /// use espalier_provenance::MerkleMap;
    /// let keys = [1, 2, 7].map(|i| Digest::from_bytes([i; 32]));
    /// let map: MerkleMap = keys.into_iter().map(|key| (key, Digest::ZERO)).collect();
    /// assert_eq!(MerkleMap::root_of_set(&keys), map.root());
    /// ```
    #[must_use]
    pub fn root_of_set(keys: &[Digest]) -> Digest {
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return Digest::ZERO };
        let Some(bit) = first_difference(first, last) else {
            return leaf_hash(first, &Digest::ZERO);
        };
        let (left, right) = keys.split_at(keys.partition_point(|key| !bit_of(key, bit)));
        branch_hash(bit, &Self::root_of_set(left), &Self::root_of_set(right))
    }

    /// Commits to every entry; [`Digest::ZERO`] when empty. O(1).
    #[must_use]
    pub fn root(&self) -> Digest {
        self.0.as_ref().map_or(Digest::ZERO, |node| *node.hash())
    }

    /// The number of entries. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |node| node.len())
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of `key`. O(log n).
    #[must_use]
    pub fn get(&self, key: &Digest) -> Option<Digest> {
        let (found, value) = self.0.as_ref()?.nearest(key);
        (found == key).then_some(*value)
    }

    /// Sets `key` to `value`; true if that changed anything. O(log n) hashes.
    pub fn insert(&mut self, key: Digest, value: Digest) -> bool {
        let Some(root) = &self.0 else {
            self.0 = Some(Node::leaf(key, value));
            return true;
        };
        let (nearest, old) = root.nearest(&key);
        let split = first_difference(nearest, &key);
        if split.is_none() && *old == value {
            return false;
        }
        self.0 = Some(insert_at(root, split, key, value));
        true
    }

    /// Removes `key`; true if it was there. O(log n) hashes.
    pub fn remove(&mut self, key: &Digest) -> bool {
        if self.get(key).is_none() {
            return false;
        }
        self.0 = self.0.as_ref().and_then(|root| remove_at(root, key));
        true
    }

    /// Visits every entry, ascending by key.
    pub fn for_each(&self, mut visit: impl FnMut(&Digest, &Digest)) {
        if let Some(root) = &self.0 {
            root.walk(&mut visit);
        }
    }

    /// A proof that this map holds `key`; `None` if it does not. O(log n).
    #[must_use]
    pub fn prove(&self, key: &Digest) -> Option<InclusionProof> {
        let value = self.get(key)?;
        let mut path = Vec::new();
        let mut node = self.0.as_deref()?;
        while let Node::Branch { bit, left, right, .. } = node {
            let (next, sibling) = if bit_of(key, *bit) { (right, left) } else { (left, right) };
            path.push(ProofStep { bit: *bit, sibling: *sibling.hash() });
            node = next;
        }
        path.reverse();
        Some(InclusionProof { key: *key, value, path })
    }

    /// Visits what differs between two maps, ascending by key. Shared parts are skipped by their
    /// hash: O(d log n) for d differences.
    pub fn diff(&self, other: &Self, mut visit: impl FnMut(&Digest, KeyDifference)) {
        match (&self.0, &other.0) {
            (None, None) => {}
            (Some(ours), None) => ours.walk(&mut |k, v| visit(k, KeyDifference::Ours(*v))),
            (None, Some(theirs)) => theirs.walk(&mut |k, v| visit(k, KeyDifference::Theirs(*v))),
            (Some(ours), Some(theirs)) => diff_at(ours, theirs, &mut visit),
        }
    }
}

impl FromIterator<(Digest, Digest)> for MerkleMap {
    fn from_iter<I: IntoIterator<Item = (Digest, Digest)>>(iter: I) -> Self {
        let mut map = Self::default();
        for (key, value) in iter {
            map.insert(key, value);
        }
        map
    }
}

/// `split`: the first bit in which `key` differs from every key of the tree, `None` if it is there.
fn insert_at(node: &Arc<Node>, split: Option<u8>, key: Digest, value: Digest) -> Arc<Node> {
    match (&**node, split) {
        (Node::Branch { bit, left, right, .. }, split) if split.is_none_or(|s| *bit < s) => {
            if bit_of(&key, *bit) {
                Node::branch(*bit, left.clone(), insert_at(right, split, key, value))
            } else {
                Node::branch(*bit, insert_at(left, split, key, value), right.clone())
            }
        }
        (_, None) => Node::leaf(key, value),
        (_, Some(split)) => {
            let leaf = Node::leaf(key, value);
            if bit_of(&key, split) {
                Node::branch(split, node.clone(), leaf)
            } else {
                Node::branch(split, leaf, node.clone())
            }
        }
    }
}

fn remove_at(node: &Arc<Node>, key: &Digest) -> Option<Arc<Node>> {
    match &**node {
        Node::Leaf { .. } => None,
        Node::Branch { bit, left, right, .. } => Some(if bit_of(key, *bit) {
            match remove_at(right, key) {
                Some(right) => Node::branch(*bit, left.clone(), right),
                None => left.clone(),
            }
        } else {
            match remove_at(left, key) {
                Some(left) => Node::branch(*bit, left, right.clone()),
                None => right.clone(),
            }
        }),
    }
}

fn diff_at(ours: &Node, theirs: &Node, visit: &mut impl FnMut(&Digest, KeyDifference)) {
    if ours.hash() == theirs.hash() {
        return;
    }
    let split = first_difference(ours.some_key(), theirs.some_key());
    let bit_at = |node: &Node| match node {
        Node::Leaf { .. } => None,
        Node::Branch { bit, .. } => Some(*bit),
    };
    // The highest of the three places where the two trees can part.
    let own = [bit_at(ours), bit_at(theirs)];
    let top = own.into_iter().flatten().min();
    match (ours, theirs) {
        (Node::Leaf { key, value: a, .. }, Node::Leaf { value: b, .. }) if split.is_none() => {
            visit(key, KeyDifference::Both(*a, *b));
        }
        _ if split.is_some_and(|split| top.is_none_or(|top| split < top)) => {
            let all_ours = |visit: &mut dyn FnMut(&Digest, KeyDifference)| {
                ours.walk(&mut |k, v| visit(k, KeyDifference::Ours(*v)));
            };
            if ours.some_key() < theirs.some_key() {
                all_ours(visit);
                theirs.walk(&mut |k, v| visit(k, KeyDifference::Theirs(*v)));
            } else {
                theirs.walk(&mut |k, v| visit(k, KeyDifference::Theirs(*v)));
                all_ours(visit);
            }
        }
        (
            Node::Branch { bit: a, left: ol, right: or, .. },
            Node::Branch { bit: b, left: tl, right: tr, .. },
        ) if a == b => {
            diff_at(ol, tl, visit);
            diff_at(or, tr, visit);
        }
        (Node::Branch { bit, left, right, .. }, _) if Some(*bit) == top => {
            if bit_of(theirs.some_key(), *bit) {
                left.walk(&mut |k, v| visit(k, KeyDifference::Ours(*v)));
                diff_at(right, theirs, visit);
            } else {
                diff_at(left, theirs, visit);
                right.walk(&mut |k, v| visit(k, KeyDifference::Ours(*v)));
            }
        }
        (_, Node::Branch { bit, left, right, .. }) => {
            if bit_of(ours.some_key(), *bit) {
                left.walk(&mut |k, v| visit(k, KeyDifference::Theirs(*v)));
                diff_at(ours, right, visit);
            } else {
                diff_at(ours, left, visit);
                right.walk(&mut |k, v| visit(k, KeyDifference::Theirs(*v)));
            }
        }
        // Two leaves with different keys split above every branch bit; two equal keys came first.
        (_, Node::Leaf { .. }) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Keys with long shared prefixes and suffixes, to visit every kind of split.
    fn key() -> impl Strategy<Value = Digest> {
        (0u8..4, 0u8..4, 0u8..4).prop_map(|(a, b, c)| {
            let mut bytes = [0; 32];
            (bytes[0], bytes[13], bytes[31]) = (a << 6, b, c << 3);
            Digest::from_bytes(bytes)
        })
    }

    fn value() -> impl Strategy<Value = Digest> {
        (0u8..3).prop_map(|v| Digest::from_bytes([v; 32]))
    }

    fn entries() -> impl Strategy<Value = Vec<(Digest, Option<Digest>)>> {
        prop::collection::vec((key(), prop::option::of(value())), 0..40)
    }

    fn apply(steps: &[(Digest, Option<Digest>)]) -> (MerkleMap, BTreeMap<Digest, Digest>) {
        let (mut map, mut twin) = (MerkleMap::default(), BTreeMap::new());
        for (key, value) in steps {
            match value {
                Some(value) => {
                    assert_eq!(map.insert(*key, *value), twin.insert(*key, *value) != Some(*value));
                }
                None => assert_eq!(map.remove(key), twin.remove(key).is_some()),
            }
        }
        (map, twin)
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_map_and_forgets_its_history(steps in entries()) {
            let (map, twin) = apply(&steps);
            let mut seen = BTreeMap::new();
            map.for_each(|k, v| { seen.insert(*k, *v); });
            prop_assert_eq!(&seen, &twin);
            prop_assert_eq!(map.len(), twin.len());
            let keys: Vec<_> = twin.keys().copied().collect();
            let set: MerkleMap = keys.iter().map(|key| (*key, Digest::ZERO)).collect();
            prop_assert_eq!(MerkleMap::root_of_set(&keys), set.root());
            let rebuilt: MerkleMap = twin.into_iter().rev().collect();
            prop_assert_eq!(rebuilt.root(), map.root());
        }

        #[test]
        fn different_maps_have_different_roots(a in entries(), b in entries()) {
            let ((a, twin_a), (b, twin_b)) = (apply(&a), apply(&b));
            prop_assert_eq!(a.root() == b.root(), twin_a == twin_b);
        }

        #[test]
        fn diff_is_the_symmetric_difference(a in entries(), b in entries()) {
            let ((a, twin_a), (b, twin_b)) = (apply(&a), apply(&b));
            let mut expected = BTreeMap::new();
            for key in twin_a.keys().chain(twin_b.keys()) {
                match (twin_a.get(key), twin_b.get(key)) {
                    (Some(x), None) => { expected.insert(*key, KeyDifference::Ours(*x)); }
                    (None, Some(y)) => { expected.insert(*key, KeyDifference::Theirs(*y)); }
                    (Some(x), Some(y)) if x != y => {
                        expected.insert(*key, KeyDifference::Both(*x, *y));
                    }
                    _ => {}
                }
            }
            let mut found = Vec::new();
            a.diff(&b, |key, difference| found.push((*key, difference)));
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn proofs_verify_and_any_change_breaks_them(
            steps in entries(),
            pick in any::<prop::sample::Index>(),
        ) {
            let (map, twin) = apply(&steps);
            prop_assume!(!twin.is_empty());
            let key = *twin.keys().nth(pick.index(twin.len())).expect("in range");
            let proof = map.prove(&key).expect("present");
            prop_assert!(proof.verify(&map.root()).is_ok());
            let mut wrong = proof.clone();
            wrong.value = Digest::from_bytes([9; 32]);
            prop_assert!(wrong.verify(&map.root()).is_err());
            for i in 0..proof.path.len() {
                let mut wrong = proof.clone();
                wrong.path[i].sibling = Digest::from_bytes([9; 32]);
                prop_assert!(wrong.verify(&map.root()).is_err());
                let mut wrong = proof.clone();
                wrong.path[i].bit ^= 1;
                prop_assert!(wrong.verify(&map.root()).is_err());
                let mut wrong = proof.clone();
                wrong.path.remove(i);
                prop_assert!(wrong.verify(&map.root()).is_err());
            }
        }
    }

    fn hashed(i: u32) -> Digest {
        Digest::of_content(&i.to_le_bytes())
    }

    #[test]
    fn paths_and_differences_stay_logarithmic() {
        let map: MerkleMap = (0..20_000).map(|i| (hashed(i), Digest::ZERO)).collect();
        let longest = (0..20_000).step_by(97).filter_map(|i| map.prove(&hashed(i)));
        let longest = longest.map(|proof| proof.path.len()).max().unwrap_or(0);
        assert!(longest <= 40, "{longest} steps for 20,000 entries");
        let mut other = map.clone();
        other.insert(hashed(20_001), Digest::ZERO);
        let mut differences = 0;
        map.diff(&other, |_, _| differences += 1);
        assert_eq!(differences, 1);
    }
}
