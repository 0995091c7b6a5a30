// An inclusion proof that the reader's browser checks at every edit: table, verdict, words.

const PROVEN = [
  'Proven: the state with this bound root holds this operation. Nobody has to be believed but the '
    + 'root, which other nodes can confirm; whoever changes a byte anywhere needs a collision of '
    + 'BLAKE3.',
  'Not proven: that what the operation says is true, that its author is honest, that it counts in '
    + 'the merge, or that the state lacks another operation. The operation’s hash covers its '
    + 'signature; the signature itself is not checked here.',
];

// The fields of a proof that a reader can edit: where each stands, and what it is called.
function proofFields(proof) {
  const { inclusion } = proof;
  return [
    { row: 0, name: 'Operation', of: inclusion, key: 'key' },
    { row: 0, name: 'Value', of: inclusion, key: 'value' },
    ...inclusion.path.map((step, at) =>
      ({ row: at + 1, name: `Sibling of step ${at + 1}`, of: step, key: 'sibling' })),
    { row: inclusion.path.length + 1, name: 'State hash', of: proof, key: 'state_hash' },
    { row: inclusion.path.length + 1, name: 'Evidence root', of: proof, key: 'evidence_root' },
  ];
}

// The rows of the table: what each is, and its hash.
function proofRows({ leaf, steps, boundRoot }) {
  return [
    { name: 'Leaf', hash: leaf },
    ...steps.map(({ bit, right, hash }, at) => ({ name: `Step ${at + 1}`, bit, right, hash })),
    { name: 'State', hash: boundRoot },
  ];
}

const differingByte = (a, b) => {
  for (let at = 0; at < HASH_LENGTH; at += 2) {
    if (a.slice(at, at + 2) !== b.slice(at, at + 2)) return at / 2;
  }
  return null;
};

// What is wrong with a field; null if it is a hash.
function fieldProblem({ name, text }) {
  if (isHash(text)) return null;
  const wrong = text.length === HASH_LENGTH ? 'there is something else among them'
    : `there are ${count(text.length)}`;
  return `${name}is not a hash: a hash has 64 digits from 0 to 9 and a to f, ${wrong}.`;
}

// The verdict over edited fields: { good, row, parts }, with the first row that differs.
function judgeProof(fields, proof, original, expected) {
  const broken = fields.find((field) => fieldProblem(field));
  if (broken) return { good: false, row: broken.row, parts: [fieldProblem(broken)] };
  const followed = followProof(proof);
  const rows = proofRows(followed);
  if (!followed.isPath) {
    return { good: false, rows, row: 1,
      parts: ['This is not a path of a tree: its bits do not fall towards the root.'] };
  }
  if (followed.boundRoot === expected) {
    return { good: true, rows, row: null,
      parts: ['It leads to the root ', hashText(expected), '.'] };
  }
  const first = rows.findIndex(({ name, hash }, at) =>
    original[at]?.name !== name || original[at].hash !== hash);
  const from = first < 0 ? 'This is the proof as received. '
    : `From “${rows[first].name}” on, the hashes differ. `;
  return { good: false, rows, row: first < 0 ? rows.length - 1 : first,
    parts: [from, 'It leads to ', hashText(followed.boundRoot), ' instead of ',
      hashText(expected), '.'] };
}

// One hash that can be edited, two lines of 32 digits.
function hashField(field, onedit) {
  const was = field.text;
  const changed = el('span', { class: 'edited' });
  const edit = () => {
    field.text = area.value.replace(/\s/g, '').toLowerCase();
    show();
    onedit();
  };
  const area = el('textarea', { rows: 2, cols: 32, spellcheck: 'false', autocomplete: 'off',
    autocapitalize: 'off', class: 'hexfield', oninput: edit });
  area.value = was;
  const show = () => {
    const byte = isHash(field.text) ? differingByte(field.text, was) : null;
    changed.textContent = byte === null ? ''
      : `byte ${byte}: was ${was.slice(2 * byte, 2 * byte + 2)}`;
    area.setAttribute('aria-invalid', String(!isHash(field.text)));
  };
  const set = (text) => { area.value = text; field.text = text; show(); };
  const shownName = field.name.startsWith('Sibling') ? 'Sibling' : field.name;
  area.setAttribute('aria-label', field.name);
  const node = el('div', { class: 'hexline' }, el('span', { class: 'quiet' }, shownName), area,
    changed);
  return { node, set, restore: () => set(was) };
}

function sideText({ bit, right }) {
  if (bit === undefined) return MISSING;
  return right ? 'right' : 'left';
}

// The table of one proof. Returns { breakIt, restore }.
function proofTable(host, { proof: given, bound_root: expected }, where) {
  const proof = structuredClone(given);
  const original = proofRows(followProof(proof));
  const fields = proofFields(proof).map((field) => ({ ...field, text: field.of[field.key] }));
  const verdict = el('p', { class: 'proofverdict', role: 'status' });
  const editors = fields.map((field) => hashField(field, () => judge()));
  const lines = original.map((row, at) => {
    const hash = el('code', { class: 'hexhash' });
    const side = el('td');
    const node = el('tr', {}, el('th', { scope: 'row' }, row.name),
      el('td', { class: 'number' }, known(row.bit) ? String(row.bit) : MISSING), side,
      el('td', {}, editors.filter((_, index) => fields[index].row === at)
        .map((editor) => editor.node)),
      el('td', {}, hash));
    return { node, hash, side };
  });

  function judge() {
    for (const field of fields) if (isHash(field.text)) field.of[field.key] = field.text;
    const { good, rows, row, parts } = judgeProof(fields, proof, original, expected);
    lines.forEach((line, at) => {
      const wrong = row !== null && at >= row;
      line.node.className = wrong ? 'wrong' : 'right';
      line.hash.textContent = rows ? rows[at].hash : MISSING;
      line.side.textContent = sideText(rows ? rows[at] : original[at]);
    });
    verdict.className = `proofverdict ${good ? 'good' : 'bad'}`;
    verdict.replaceChildren(el('b', {}, good ? '✓ Holds. ' : '✗ Does not hold. '), ...parts,
      good ? ` That is the bound root of ${where}.` : '');
  }

  const heads = ['Row', 'Bit', 'Side', 'What goes in', 'Hash so far'];
  const label = `Inclusion proof, ${plural(given.inclusion.path.length, 'step')}`;
  host.append(verdict, el('div', { class: 'frame', tabindex: 0, role: 'group',
    'aria-label': label }, el('table', { class: 'proof' },
    el('caption', { class: 'visually-hidden' }, label),
    el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col' }, head)))),
    el('tbody', {}, lines.map((line) => line.node)))));
  judge();
  return {
    breakIt() {
      // Somewhere in the middle of the path, one bit.
      const at = Math.floor(fields.length / 2);
      const { text } = fields[at];
      if (!isHash(text)) return;
      const byte = (parseInt(text.slice(0, 2), 16) ^ 1).toString(16).padStart(2, '0');
      editors[at].set(byte + text.slice(2));
      judge();
    },
    restore() {
      for (const editor of editors) editor.restore();
      judge();
    },
  };
}

// Where operations and proofs come from: the run's source for any node and round, or what a report
// has inside, which is enough for its final state.
function proofProvider(run) {
  if (run.proof && run.node) {
    return { whole: true, ops: async (name, round) => (await run.node(name, round)).held,
      prove: (name, round, op) => run.proof(name, round, op) };
  }
  return { whole: false, ops: async () => run.report.trace,
    prove: async (name, round, op) => proveFinal(run.report, op) };
}

function missingProof({ run }) {
  if (run.proof) return missingSamples({ run });
  if (run.report.trace.length === 0) return 'The final state holds no operations.';
  return provesFinal(run.report) ? null : 'This state holds evidence, and the report does not have '
    + 'its root: proofs of it are on the live page.';
}

function proofControls(run, state, whole, change) {
  const numbers = run.sampled.map((name) => [name, name]);
  const set = (name, read) => (value) => { state[name] = read(value); change(name); };
  const round = el('input', { type: 'number', min: 0, max: run.lastNumber, step: 1, class: 'small',
    oninput: () => round.validity.valid && round.value !== ''
      && set('round', Number)(round.value) });
  round.value = state.round;
  const op = el('select', { onchange: () => set('op', String)(op.value) });
  const node = el('div', { class: 'controls' },
    whole ? [labelled('Node', select(numbers, state.name, set('name', String))),
      labelled('after round', round)] : null, labelled('Operation', op));
  function offer(held) {
    op.replaceChildren(...held.map((entry, at) => el('option', { value: entry.op },
      `${at + 1}: ${entry.kind} by ${entry.author}, ${short(entry.op)}`)));
    if (held.some((entry) => entry.op === state.op)) op.value = state.op;
    else state.op = held[Math.floor(held.length / 2)]?.op ?? null;
    op.value = state.op ?? '';
  }
  return { node, offer, grow: () => { round.max = run.lastNumber; } };
}

function showProof({ run }, host) {
  const { whole, ops, prove } = proofProvider(run);
  const state = { name: run.sampled[0], round: run.lastNumber, op: null, asked: 0,
    shown: null };
  const { node, offer, grow } = proofControls(run, state, whole, (name) => load(name !== 'op'));
  const act = (text, how) =>
    el('button', { type: 'button', onclick: () => state.shown?.[how]() }, text);
  const place = el('div');
  host.append(node, el('div', { class: 'controls' }, act('Break it for me', 'breakIt'),
    act('Restore', 'restore')), place, ...PROVEN.map((text) => caption(text)));

  async function load(anew) {
    state.asked += 1;
    const own = state.asked;
    const { name, round } = state;
    const fresh = () => own === state.asked;
    try {
      if (anew) {
        const held = await ops(name, round);
        if (!fresh()) return;
        offer(held);
      }
      if (state.op === null) {
        state.shown = null;
        place.replaceChildren(note('This state holds no operations.'));
        return;
      }
      const proof = await prove(name, round, state.op);
      if (!fresh()) return;
      place.replaceChildren();
      state.shown = proofTable(place, proof,
        whole ? `${name} after round ${round}` : 'the final state');
    } catch (error) {
      if (fresh()) place.replaceChildren(note(error.message));
    }
  }

  load(true);
  return grow;
}
