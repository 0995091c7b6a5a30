// One node at one moment: its state, and what the run can tell of how it sees the others.

const INSPECT_PAUSE_MS = 120;

function inspectorTags(view, name, round) {
  const tags = [];
  if (round.isolated.includes(name)) tags.push(tag('bad', 'isolated'));
  if (view.run.lateNames.has(name)) tags.push(tag('late', 'joins late'));
  if (shownAsByzantine(view, name)) {
    tags.push(tag('note', `Byzantine: ${view.run.infoOf.get(name).attack ?? 'unnamed attack'}`));
  }
  return tags;
}

// What is known of a node without asking anybody.
function embeddedNode(run, reader, node, index) {
  const sample = reader.sampleOf[node];
  const round = run.rounds[index];
  const state = reader.states(index)[node];
  if (sample < 0) return { active: state.active, state_hash: state.hash };
  const own = (field) => round[field][sample];
  return { active: state.active, state_hash: own('state_hash'), bound_root: own('bound_root'),
    tombstones: own('tombstones'), wire_bytes: own('wire_bytes'), clock: own('clock'),
    task_accuracy: own('task_accuracy') };
}

// How many nodes hold a state, of those that take part; 0 for a state that was not told.
function holdersAmong(states) {
  const tally = new Map();
  const keyOf = ({ hash, number }) => hash ?? number;
  for (const state of states) {
    if (state.active) tally.set(keyOf(state), (tally.get(keyOf(state)) ?? 0) + 1);
  }
  return (state) => (keyOf(state) === null ? 0 : tally.get(keyOf(state)) ?? 0);
}

function nodeFacts(run, reader, node, index, told) {
  const states = reader.states(index);
  const holders = holdersAmong(states)(states[node]);
  const held = holders > 0 ? ` held by ${plural(holders, 'node')}` : '';
  const messages = reader.messages(index);
  const listing = (kind, way, other) => messages[kind].filter((one) => one[way] === node)
    .map((one) => `${run.report.nodes[one[other]].name}${one.ops ? ` (${count(one.ops)})` : ''}`);
  const facts = [
    ['Takes part', told.active ? 'yes' : 'no'],
    ['State hash', told.state_hash ? [hashButton(told.state_hash), held]
      : `not told${held && `,${held}`}`],
    ['Bound root', told.bound_root ? hashButton(told.bound_root) : null],
    ['Operations', known(told.operations) ? count(told.operations) : null],
    ['Visible contributions', told.visible ? count(told.visible.length) : null],
    ['Tombstones', known(told.tombstones) ? count(told.tombstones) : null],
    ['State on the wire', known(told.wire_bytes) ? bytes(told.wire_bytes) : null],
    ['Accuracy', known(told.task_accuracy) ? percent(told.task_accuracy) : null],
    ['News from', listed(listing('merged', 'to', 'from'), 8) || 'nobody in this round'],
    ['News to', listed(listing('merged', 'from', 'to'), 8) || 'nobody in this round'],
  ];
  return facts.filter(([, value]) => known(value));
}

// A folded table that is made when it is opened and keeps up afterwards.
function growingTable(host, label, columns) {
  let rows = [];
  let shown = null;
  const title = el('summary', {}, label);
  const node = el('details', { class: 'more', ontoggle: () => draw() }, title);
  host.append(node);
  function draw() {
    if (!node.open) return;
    if (shown) shown.update(rows);
    else shown = table(node, { label, columns, rows, limit: 50 });
  }
  return (others, about) => {
    rows = others ?? [];
    node.hidden = !others;
    title.textContent = `${label} (${about ?? count(rows.length)})`;
    draw();
  };
}

const trustColumns = [named('Author', ({ name }) => name),
  { head: 'Overall trust', value: ({ trust }) => trust, cell: ({ trust }) => bar(trust) },
  { head: 'Contribution visible', value: ({ visible }) => Number(visible),
    cell: ({ visible }) => (visible ? 'yes' : el('span', { class: 'quiet' }, 'no')) }];

const byName = (entries) => [...entries].sort(([a], [b]) => compare(a, b));

// Whom the node knows, and what it thinks of them.
function trustRows({ trust, visible }) {
  const seen = new Set(visible);
  return byName(Object.entries(trust)).map(([name, value]) =>
    ({ name, trust: value, visible: seen.has(name) }));
}

const clockColumns = [named('Author', ([author]) => author),
  { head: 'Newest operation', number: true, value: ([, entry]) => entry,
    cell: ([, entry]) => (entry === FORKED ? el('span', { class: 'bad' }, 'forked ⊤')
      : count(entry)) }];

const heldColumns = [
  hashed('Operation', (entry) => entry.op), named('Author', (entry) => entry.author),
  numeric('Seq', (entry) => entry.seq, String),
  numeric('Lamport', (entry) => entry.lamport, String),
  { head: 'Kind', cell: kindTag, value: (entry) => entry.kind },
  hashed('Content', (entry) => entry.content),
  { head: 'Text', cell: (entry) => entry.text, wide: true },
];

// Returns inspect(node, index), which shows a node after a round.
function inspector(view, reader, host) {
  const { run } = view;
  const title = el('h3');
  const facts = el('dl', { class: 'facts' });
  const said = el('p', { class: 'caption', role: 'status' });
  host.append(title, facts, said);
  const trust = growingTable(host, 'Trust as this node sees it', trustColumns);
  const clock = growingTable(host, 'Clock', clockColumns);
  const held = growingTable(host, 'Provenance: operations it holds', heldColumns);
  const state = { key: '', timer: 0, asked: 0 };

  function show(node, index, told) {
    facts.replaceChildren(...nodeFacts(run, reader, node, index, told).flatMap(([name, value]) =>
      [el('dt', {}, name), el('dd', {}, value)]));
    trust(told.trust ? trustRows(told) : null);
    clock(told.clock ? byName(Object.entries(told.clock)) : null);
    held(told.held ?? null);
  }

  async function ask(node, index) {
    state.asked += 1;
    const own = state.asked;
    const { name } = run.report.nodes[node];
    try {
      const told = await run.node(name, run.roundNumbers[index]);
      if (own !== state.asked) return;
      said.textContent = '';
      show(node, index, { ...embeddedNode(run, reader, node, index), ...told });
    } catch (error) {
      if (own === state.asked) said.textContent = error.message;
    }
  }

  return (node, index) => {
    const { name } = run.report.nodes[node];
    const round = run.rounds[index];
    title.replaceChildren(nameText(name), ` after round ${round.round} `,
      ...inspectorTags(view, name, round));
    const key = `${node} ${index}`;
    if (key === state.key) return;
    state.key = key;
    clearTimeout(state.timer);
    state.asked += 1;
    show(node, index, embeddedNode(run, reader, node, index));
    const sampled = reader.sampleOf[node] >= 0;
    said.textContent = sampled ? '' : 'This node was not sampled, so no more is known of it.';
    if (run.node && sampled) state.timer = setTimeout(() => ask(node, index), INSPECT_PAUSE_MS);
  };
}
