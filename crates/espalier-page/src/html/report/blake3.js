// BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020), as its specification describes it, so
// that a reader's own browser checks hashes and need not believe them. 32 bytes of output.
// `blake3.hash(bytes)` is the plain hash, `blake3.derive(context, bytes)` that of a domain.

const blake3 = (() => {
  const CHUNK = 1024;
  const BLOCK = 64;
  const START = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
    0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
  const FLAGS = { chunkStart: 1, chunkEnd: 2, parent: 4, root: 8, context: 32, material: 64 };
  const ROUNDS = 7;
  const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
  // Four columns, then four diagonals: the places that one mixing step works on.
  const PLACES = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
    [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

  // The words of a block in the order in which each round takes them.
  const schedule = new Uint8Array(ROUNDS * 16);
  for (let at = 0; at < schedule.length; at += 1) {
    schedule[at] = at < 16 ? at : schedule[at - 16 - (at % 16) + ORDER[at % 16]];
  }

  const state = new Int32Array(16);

  function mix(a, b, c, d, x, y) {
    let mixed = 0;
    state[a] = state[a] + state[b] + x;
    mixed = state[d] ^ state[a];
    state[d] = (mixed >>> 16) | (mixed << 16);
    state[c] += state[d];
    mixed = state[b] ^ state[c];
    state[b] = (mixed >>> 12) | (mixed << 20);
    state[a] = state[a] + state[b] + y;
    mixed = state[d] ^ state[a];
    state[d] = (mixed >>> 8) | (mixed << 24);
    state[c] += state[d];
    mixed = state[b] ^ state[c];
    state[b] = (mixed >>> 7) | (mixed << 25);
  }

  // The chaining value that follows from one block.
  function compress({ value, words, counter, length, flags }) {
    state.set(value);
    state.set(START.subarray(0, 4), 8);
    state[12] = counter;
    state[13] = Math.floor(counter / 2 ** 32);
    state[14] = length;
    state[15] = flags;
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let step = 0; step < 8; step += 1) {
        const [a, b, c, d] = PLACES[step];
        const at = 16 * round + 2 * step;
        mix(a, b, c, d, words[schedule[at]], words[schedule[at + 1]]);
      }
    }
    return Uint32Array.from({ length: 8 }, (_, word) => state[word] ^ state[word + 8]);
  }

  // A block as words; what is missing at its end is zero.
  function wordsOf(bytes, from, until) {
    const words = new Uint32Array(16);
    for (let at = from; at < until; at += 1) {
      words[(at - from) >> 2] |= bytes[at] << (8 * ((at - from) & 3));
    }
    return words;
  }

  // A chunk up to its last block, which is not compressed yet: it may be the root.
  function chunk(key, mode, bytes, counter) {
    const from = counter * CHUNK;
    const until = Math.min(from + CHUNK, bytes.length);
    let value = key;
    let at = from;
    for (;;) {
      const end = Math.min(at + BLOCK, until);
      const flags = mode | (at === from ? FLAGS.chunkStart : 0)
        | (end === until ? FLAGS.chunkEnd : 0);
      const block = { value, words: wordsOf(bytes, at, end), counter, length: end - at, flags };
      if (end === until) return block;
      value = compress(block);
      at = end;
    }
  }

  function parent(key, mode, left, right) {
    const words = new Uint32Array(16);
    words.set(left);
    words.set(right, 8);
    return { value: key, words, counter: 0, length: BLOCK, flags: mode | FLAGS.parent };
  }

  // The words of the hash. Left subtrees are whole, so the bits of a count say which wait.
  function tree(key, mode, bytes) {
    const last = Math.max(0, Math.ceil(bytes.length / CHUNK) - 1);
    const waiting = [];
    for (let counter = 0; counter < last; counter += 1) {
      let value = compress(chunk(key, mode, bytes, counter));
      for (let whole = counter + 1; whole % 2 === 0; whole /= 2) {
        value = compress(parent(key, mode, waiting.pop(), value));
      }
      waiting.push(value);
    }
    let block = chunk(key, mode, bytes, last);
    while (waiting.length) block = parent(key, mode, waiting.pop(), compress(block));
    // Of the root's output only the first block is wanted, whose counter is 0.
    return compress({ ...block, counter: 0, flags: block.flags | FLAGS.root });
  }

  function bytesOf(words) {
    const bytes = new Uint8Array(4 * words.length);
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = words[at >> 2] >>> (8 * (at & 3));
    return bytes;
  }

  const keys = new Map();

  function keyOf(context) {
    if (!keys.has(context)) {
      keys.set(context, tree(START, FLAGS.context, new TextEncoder().encode(context)));
    }
    return keys.get(context);
  }

  return {
    hash: (bytes) => bytesOf(tree(START, 0, bytes)),
    derive: (context, bytes) => bytesOf(tree(keyOf(context), FLAGS.material, bytes)),
  };
})();
