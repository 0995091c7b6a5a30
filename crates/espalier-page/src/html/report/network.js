// The network: its figures, and its drawing round by round.

function topologyFacts({ report, topology }) {
  const [least, average, greatest] = topology.degree;
  const facts = [
    ['Topology', topology.name],
    ['Nodes', count(report.nodes.length)],
    ['Links', count(topology.edge_count)],
    ['Degree', `${count(least)} to ${count(greatest)}, mean ${quantity(average, 3)}`],
    ['Diameter', known(topology.diameter) ? count(topology.diameter) : 'not computed'],
    ['Spectral gap', known(topology.spectral_gap) ? quantity(topology.spectral_gap)
      : 'not computed'],
    ['Bounds', `${topology.rounds_lower} to ${topology.rounds_upper} rounds`],
    ['Source', topology.bound_source],
  ];
  return el('dl', { class: 'facts' }, facts.map(([name, value]) =>
    [el('dt', {}, name), el('dd', {}, value)]));
}

// Where the measured rounds lie against the bounds.
function boundScale({ topology, summary, ended }) {
  const { rounds_lower: lower, rounds_upper: upper } = topology;
  const measured = summary.rounds_to_converge;
  const end = Math.max(upper, measured ?? 0, 1) * 1.12;
  const at = (round) => `${Math.min(94, Math.max(6, (100 * round) / end))}%`;
  const exact = (round) => `${(100 * round) / end}%`;
  const label = (kind, round, text) =>
    el('span', { class: `label ${kind}`, style: { left: at(round) } }, text);
  const text = known(measured) ? `this run: ${plural(measured, 'round')}`
    : ended ? 'not converged' : 'not converged yet';
  const close = (upper - lower) / end < 0.16;
  return el('div', { class: 'scale', role: 'img',
    'aria-label': `${text}; theory: ${lower} to ${upper} rounds` },
  el('div', { class: 'track' }),
  el('div', { class: 'range',
    style: { left: exact(lower), width: `${(100 * (upper - lower)) / end}%` } }),
  known(measured) ? el('div', { class: 'mark', style: { left: exact(measured) } }) : null,
  known(measured) ? el('span', { class: 'label above',
    style: { left: `${Math.min(78, Math.max(22, (100 * measured) / end))}%` } }, text) : null,
  close ? label('below', (lower + upper) / 2, `${lower} – ${upper}`)
    : [label('below', lower, String(lower)), label('below', upper, String(upper))]);
}

function showTopology({ run }, host) {
  const scale = el('div');
  const update = () => scale.replaceChildren(boundScale(run));
  update();
  host.append(topologyFacts(run), el('h3', {}, 'Rounds against theory'), scale);
  return update;
}

// What a node looks like in a round, and what it is called.
function markOf(view, reader, { node, state, round, chosen, colours }) {
  const { name, attack } = view.run.report.nodes[node];
  const out = round.isolated?.includes(name);
  const lies = shownAsByzantine(view, name);
  const parts = [view.run.label(name), state.active ? null : 'takes no part',
    state.hash ? `state ${short(state.hash)}` : state.active ? 'state unknown' : null,
    out ? 'isolated' : null, view.run.lateNames.has(name) ? 'joined late' : null,
    lies ? `Byzantine: ${attack ?? 'unnamed attack'}` : null];
  return { shape: state.active ? (out ? 'square' : 'circle') : 'cross',
    colour: reader.colourOf(state, colours), ring: lies, chosen,
    title: parts.filter(known).join(', ') };
}

function networkKey(run, host) {
  const unsampled = !run.everyNodeSampled && !run.states.some(known);
  const mark = (shape, ring, text, kind = 'plain') => el('span', { class: 'key' },
    svg('svg', { width: 16, height: 16, class: 'sample', 'aria-hidden': 'true' },
      ring ? svg('path', { class: 'ring', d: MARKS.circle({ x: 8, y: 8 }, 7) }) : null,
      svg('path', { class: `mark ${shape} ${kind}`,
        d: MARKS[shape]({ x: 8, y: 8 }, ring ? 4 : 5) })),
    el('span', {}, text));
  const message = (kind, text) => el('span', { class: 'key' },
    svg('svg', { width: 34, height: 12, class: 'sample', 'aria-hidden': 'true' },
      messageText(kind, { x: -2, y: 6 }, { x: kind === 'merged' ? 36 : 58, y: 6 }, 3, 1)
        .map((d, part) => svg('path', { class: `message ${kind} ${part ? 'end' : 'line'}`, d }))),
    el('span', {}, text));
  const revealed = mark('circle', true, 'Byzantine, as the harness knows');
  host.append(el('div', { class: 'legend' }, mark('circle', false, 'equal colour: equal state'),
    mark('square', false, 'isolated by then'), mark('cross', false, 'takes no part'),
    unsampled ? mark('circle', false, 'hollow: state unknown', 'unknown') : null, revealed,
    message('merged', 'brought news'), message('lost', 'lost'), message('blocked', 'blocked')));
  return (shown) => { revealed.style.display = shown ? '' : 'none'; };
}

// What the drawing shows, for those who cannot or do not want to see it.
function networkTables(view, reader, host, shown) {
  const { run, harness } = view;
  const nameOf = (node) => run.report.nodes[node].name;
  const nodes = () => {
    const states = reader.states(shown());
    const holders = holdersAmong(states);
    const isolated = run.rounds[shown()].isolated ?? [];
    return states.map((state, node) => ({ ...state, name: nameOf(node),
      holders: holders(state), out: isolated.includes(nameOf(node)) }));
  };
  const columns = () => [
    named('Node', (row) => run.label(row.name)),
    plain('Takes part', (row) => (row.active ? 'yes' : 'no')),
    hashed('State hash', (row) => row.hash),
    numeric('Held by', (row) => row.holders),
    plain('Isolated', (row) => (row.out ? 'yes' : 'no')),
    ...(harness.revealed ? [plain('Attack', ({ name }) =>
      (run.isByzantine(name) ? run.infoOf.get(name).attack ?? 'unnamed' : MISSING))] : []),
  ];
  const messages = () => {
    const found = reader.messages(shown());
    return OUTCOME_KINDS.flatMap((kind) => found[kind].map((message) => ({ kind, ...message })));
  };
  const updates = [
    figures(host, 'Nodes after this round', columns, nodes, 'The nodes as a table'),
    figures(host, 'Messages of this round', [
      named('From', ({ from }) => nameOf(from)), named('To', ({ to }) => nameOf(to)),
      plain('Outcome', ({ kind }) => kind), numeric('New operations', ({ ops }) => ops ?? 0),
    ], messages, 'The messages as a table'),
  ];
  return () => updates.forEach((update) => update());
}

// Arrow keys go from node to node, Enter chooses one.
function networkKeys(frame, state, number, { choose, draw }) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  frame.addEventListener('keydown', (event) => {
    if (steps[event.key]) {
      state.cursor = ((state.cursor ?? state.chosen) + steps[event.key] + number) % number;
      announce(state.scene.marks[state.cursor].title);
    } else if (event.key === 'Enter' || event.key === ' ') choose(state.cursor ?? state.chosen);
    else return;
    event.preventDefault();
    draw();
  });
  frame.addEventListener('blur', () => {
    state.cursor = null;
    draw();
  });
}

function showNetwork(view, host) {
  const { run, harness } = view;
  const reader = sceneReader(run);
  const spots = places(run);
  const number = spots.length;
  const first = Math.max(0, reader.sampleOf.findIndex((sample) => sample >= 0));
  const state = { chosen: first, cursor: null, scene: null, shown: null };
  const drawing = (number <= MOST_SVG_NODES ? svgDrawing : canvasDrawing)(run, spots,
    (node) => choose(node));
  const frame = el('div', { class: 'networkframe', tabindex: 0, role: 'application',
    'aria-label': `Drawing of the network: ${plural(number, 'node')}, `
      + `${plural(run.topology.edge_count, 'link')}. Arrow keys go from node to node, Enter `
      + 'chooses one.' }, drawing.node);
  const pick = select(run.report.nodes.map(({ name }, node) => [String(node), name]), String(first),
    (value) => choose(Number(value)));
  const aside = el('div', { class: 'inspector' });
  const controls = el('div', { class: 'controls' }, labelled('Node', pick), revealSwitch(view));
  const under = el('div');
  const left = el('div', {}, frame);
  host.append(controls, under, el('div', { class: 'network' }, left, aside));
  const key = networkKey(run, left);
  const tables = networkTables(view, reader, host, () => state.shown[0]);
  const inspect = inspector(view, reader, aside);

  function sceneAt(index, progress) {
    const round = run.rounds[index];
    const colours = theme();
    // While messages are on their way the nodes hold what they held before.
    const states = reader.states(progress < 1 ? Math.max(0, index - 1) : index);
    const marks = states.map((each, node) => markOf(view, reader,
      { node, state: each, round, chosen: node === state.chosen, colours }));
    return { marks, messages: reader.messages(index), cuts: reader.cuts(index), progress,
      cursor: state.cursor };
  }

  function draw(index, progress) {
    state.shown = [index, progress];
    state.scene = sceneAt(index, progress);
    drawing.draw(state.scene);
    key(harness.revealed);
    if (progress < 1) return;
    inspect(state.chosen, index);
    tables();
  }

  const redraw = () => state.shown && draw(...state.shown);
  // Its colours and its size change as those of charts do.
  charts.set(drawing.node, redraw);

  function choose(node) {
    state.chosen = node;
    pick.value = String(node);
    redraw();
  }

  networkKeys(frame, state, number, { choose, draw: redraw });
  const player = timePlayer(under, view, { draw,
    textOf: (index) => `${roundText(run, index, reader.messages(index))}.` });
  harness.listeners.push(redraw);
  const update = () => {
    reader.learn();
    player.update();
  };
  update();
  return update;
}
