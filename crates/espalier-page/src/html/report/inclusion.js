// The checks of an inclusion proof, as the replicas make them. Hashes are lower-case hex here.

const PROOF_DOMAINS = {
  leaf: 'espalier merkle leaf v1',
  branch: 'espalier merkle branch v1',
  bound: 'espalier bound root v1',
};
const HASH_LENGTH = 64;

const isHash = (text) => text.length === HASH_LENGTH && /^[0-9a-f]+$/.test(text);

const bytesOfHash = (hash) => Uint8Array.from(hash.match(/../g), (pair) => parseInt(pair, 16));

const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

// Digests stand one after the other; their width is fixed, so nothing tells where one ends.
function hashOf(domain, ...parts) {
  return hexOf(blake3.derive(PROOF_DOMAINS[domain], Uint8Array.from(parts.flatMap((part) =>
    Array.from(typeof part === 'number' ? numberBytes(part) : bytesOfHash(part))))));
}

// Eight bytes, the least first. What is written so here is a bit of a key, below 256.
const numberBytes = (value) => Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0);

// Bit `bit` of a key, the most significant of its first byte being bit 0.
const keyBit = (key, bit) => (bytesOfHash(key)[bit >> 3] >> (7 - (bit & 7))) & 1;

// A proof step by step: the leaf, the hash after every step, and the root of the state that they
// lead to. On the way towards the root the bits must fall, else it is no path of a tree.
function followProof({ inclusion, state_hash: state, evidence_root: evidence }) {
  const { key, value, path } = inclusion;
  const leaf = hashOf('leaf', key, value);
  let hash = leaf;
  const steps = path.map(({ bit, sibling }) => {
    const right = keyBit(key, bit) === 1;
    hash = right ? hashOf('branch', bit, sibling, hash) : hashOf('branch', bit, hash, sibling);
    return { bit, sibling, right, hash };
  });
  const isPath = path.every(({ bit }, at) => at === 0 || path[at - 1].bit > bit);
  return { leaf, steps, isPath, opsRoot: hash, boundRoot: hashOf('bound', state, evidence, hash) };
}

// The tree over a set of operations, as its keys alone determine it: every branch is at the first
// bit in which its keys differ. `keys` are sorted and differ; their values are zero.
const NO_VALUE = '0'.repeat(HASH_LENGTH);

function firstDifference(a, b) {
  const digit = [...a].findIndex((text, place) => text !== b[place]);
  return 4 * digit + Math.clz32(parseInt(a[digit], 16) ^ parseInt(b[digit], 16)) - 28;
}

function treeOver(keys, from = 0, until = keys.length) {
  if (until - from === 1) return { hash: hashOf('leaf', keys[from], NO_VALUE) };
  const bit = firstDifference(keys[from], keys[until - 1]);
  let [low, high] = [from, until - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyBit(keys[middle], bit)) high = middle;
    else low = middle + 1;
  }
  const [left, right] = [treeOver(keys, from, low), treeOver(keys, low, until)];
  return { bit, left, right, hash: hashOf('branch', bit, left.hash, right.hash) };
}

function pathIn(tree, key) {
  const path = [];
  for (let node = tree; node.left;) {
    const right = keyBit(key, node.bit) === 1;
    path.unshift({ bit: node.bit, sibling: (right ? node.left : node.right).hash });
    node = right ? node.right : node.left;
  }
  return path;
}

// Whether a report has all that a proof in its final state needs: without convictions the root of
// the evidence is that of nothing.
const provesFinal = ({ evidence }) => evidence.length === 0;

const finalTrees = new WeakMap();

function proveFinal(report, op) {
  if (!finalTrees.has(report)) {
    finalTrees.set(report, treeOver(report.trace.map((entry) => entry.op).sort()));
  }
  const tree = finalTrees.get(report);
  const last = report.trace.at(-1);
  return { op, bound_root: last.bound_root, proof: {
    inclusion: { key: op, value: NO_VALUE, path: pathIn(tree, op) },
    ops_root: tree.hash, state_hash: last.state_hash, evidence_root: NO_VALUE } };
}
