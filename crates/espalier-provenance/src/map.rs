//! A persistent, history-independent Merkle map: a binary radix (crit-bit) tree over the key bits.
//!
//! The shape is a function of the key set alone (Morrison, *PATRICIA*, 1968), so no order of
//! insertions and removals shows in the root. Keys are hashes, so paths have about log2 n steps; a
//! peer that grinds keys with long common prefixes can make its own paths longer, at most 256.

use crate::hash::{bit_of, branch_hash, leaf_hash};
use crate::proof::{InclusionProof, ProofStep};
use espalier_identity::Digest;
use std::sync::Arc;

/// The first bit in which two keys differ.
fn first_difference(a: &Digest, b: &Digest) -> Option<u8> {
    a.as_bytes().iter().zip(b.as_bytes()).zip(0u8..).find_map(|((x, y), byte)| {
        let differing = x ^ y;
        (differing != 0).then(|| byte * 8 + differing.leading_zeros() as u8)
    })
}

/// A key and its value.
type Entry = (Digest, Digest);

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

    /// Sets every key to its value; of the values of one key the last. Each branch is hashed once,
    /// however many entries come below it: O(d) hashes for d entries that come close together or
    /// into a map that is smaller, at most O(d log n).
    pub fn insert_all(&mut self, entries: impl IntoIterator<Item = (Digest, Digest)>) {
        let mut entries: Vec<_> = entries.into_iter().collect();
        // Stable, so that the last of a key stands last.
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
        self.0 = match &self.0 {
            Some(root) if !entries.is_empty() => Some(insert_all_at(root, &entries)),
            Some(root) => Some(root.clone()),
            None => build(&entries),
        };
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
        map.insert_all(iter);
        map
    }
}

/// The tree of these entries, ascending and different. O(n) hashes.
fn build(entries: &[Entry]) -> Option<Arc<Node>> {
    let ((first, value), (last, _)) = (entries.first()?, entries.last()?);
    let Some(bit) = first_difference(first, last) else { return Some(Node::leaf(*first, *value)) };
    let (low, high) = part(entries, bit);
    match (build(low), build(high)) {
        (Some(left), Some(right)) => Some(Node::branch(bit, left, right)),
        (one, other) => one.or(other),
    }
}

/// Those entries whose keys lack a bit, and those whose keys have it. They share all bits before.
fn part(entries: &[Entry], bit: u8) -> (&[Entry], &[Entry]) {
    entries.split_at(entries.partition_point(|(key, _)| !bit_of(key, bit)))
}

/// A tree with these entries, ascending and different, set.
fn insert_all_at(node: &Arc<Node>, entries: &[Entry]) -> Arc<Node> {
    let (Some((first, value)), Some((last, _))) = (entries.first(), entries.last()) else {
        return node.clone();
    };
    let some = node.some_key();
    // Between the first and the last all keys share what these two do.
    let splits = [first_difference(some, first), first_difference(some, last)];
    let split = splits.into_iter().flatten().min();
    match (&**node, split) {
        (Node::Branch { bit, left, right, .. }, split) if split.is_none_or(|s| *bit <= s) => {
            let (low, high) = part(entries, *bit);
            let (low, high) = (insert_all_at(left, low), insert_all_at(right, high));
            if Arc::ptr_eq(left, &low) && Arc::ptr_eq(right, &high) {
                node.clone()
            } else {
                Node::branch(*bit, low, high)
            }
        }
        (Node::Leaf { value: old, .. }, None) if old == value => node.clone(),
        (_, None) => Node::leaf(*first, *value),
        (_, Some(bit)) => {
            let (low, high) = part(entries, bit);
            let (with, without) = if bit_of(some, bit) { (high, low) } else { (low, high) };
            let with = insert_all_at(node, with);
            // One of them differs in this bit, so there is a tree on the other side.
            let Some(without) = build(without) else { return with };
            let (left, right) = if bit_of(some, bit) { (without, with) } else { (with, without) };
            Node::branch(bit, left, right)
        }
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
mod tests;
