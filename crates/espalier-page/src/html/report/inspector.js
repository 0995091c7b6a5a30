// One node at one moment: its state, and what the run can tell of how it sees the others.

// A reader who moves the slider waits little; who only follows a run that goes on asks seldom, as
// what a node sees takes the server some work.
const INSPECT_PAUSE_MS = 120;
const FOLLOW_PAUSE_MS = 1000;

function inspectorTags(view, name, round) {
  const tags = [];
  if (round.isolated?.includes(name)) tags.push(tag('bad', 'isolated'));
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
  const { merged } = reader.messages(index);
  // Two nodes may exchange twice in a round.
  const listing = (way, other) => {
    const news = new Map();
    for (const one of merged.filter((message) => message[way] === node)) {
      news.set(one[other], (news.get(one[other]) ?? 0) + one.ops);
    }
    const texts = [...news].map(([peer, ops]) => `${run.report.nodes[peer].name} (${count(ops)})`);
    return listed(texts, 8) || 'nobody in this round';
  };
  const facts = [
    ['Takes part', told.active ? 'yes' : 'no'],
    ['State hash', told.state_hash ? [hashButton(told.state_hash), held]
      : `unknown${held && `,${held}`}`],
    ['Bound root', told.bound_root ? hashButton(told.bound_root) : null],
    ['Operations', known(told.operations) ? count(told.operations) : null],
    ['Visible contributions', told.visible ? count(told.visible.length) : null],
    ['Tombstones', known(told.tombstones) ? count(told.tombstones) : null],
    ['State on the wire', known(told.wire_bytes) ? bytes(told.wire_bytes) : null],
    ['Accuracy', known(told.task_accuracy) ? percent(told.task_accuracy) : null],
    ['New operations from', listing('to', 'from')],
    ['New operations to', listing('from', 'to')],
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
  const said = caption();
  host.append(title, facts, said);
  const trust = growingTable(host, 'Trust as this node sees it', trustColumns);
  const clock = growingTable(host, 'Clock', clockColumns);
  const held = growingTable(host, 'Provenance: operations it holds', heldColumns);
  const state = { key: '', node: null, timer: 0, asked: 0, wanted: null };
  const keyOf = (node, index) => `${node} ${index}`;

  function showFacts(node, index, told) {
    facts.replaceChildren(...nodeFacts(run, reader, node, index, told).flatMap(([name, value]) =>
      [el('dt', {}, name), el('dd', {}, value)]));
  }

  function showTables(told) {
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
      showTables(told);
      // Of a run that goes on, the next round may be there already.
      if (state.key !== keyOf(node, index)) return;
      said.textContent = '';
      showFacts(node, index, { ...embeddedNode(run, reader, node, index), ...told });
    } catch (error) {
      if (own === state.asked) said.textContent = error.message;
    }
  }

  function plan(node, index, pause) {
    state.wanted = [node, index];
    if (state.timer && pause === FOLLOW_PAUSE_MS) return;
    clearTimeout(state.timer);
    state.timer = setTimeout(() => {
      state.timer = 0;
      ask(...state.wanted);
    }, pause);
  }

  // Tables that come and go with every round could not be read, so those of a round before stay
  // until the next are there.
  function expect(node, index, told) {
    const other = state.node !== node;
    showFacts(node, index, told);
    if (other) showTables(told);
    said.textContent = other ? '' : 'Loading the tables of this round…';
    const follows = !other && !run.ended && view.moment.round === null;
    plan(node, index, follows ? FOLLOW_PAUSE_MS : INSPECT_PAUSE_MS);
  }

  return (node, index) => {
    const { name } = run.report.nodes[node];
    title.replaceChildren(nameText(run.label(name)), ` after round ${run.roundNumbers[index]} `,
      ...inspectorTags(view, name, run.rounds[index]));
    if (state.key === keyOf(node, index)) return;
    state.key = keyOf(node, index);
    const sampled = reader.sampleOf[node] >= 0;
    const told = embeddedNode(run, reader, node, index);
    if (run.node && sampled) expect(node, index, told);
    else {
      clearTimeout(state.timer);
      state.timer = 0;
      state.asked += 1;
      showFacts(node, index, told);
      showTables(told);
      said.textContent = sampled ? '' : 'This node was not sampled, so nothing else is known about it.';
    }
    state.node = node;
  };
}
