// The drawing of the topology, its figures, and what went over the wire.

const DRAWING = 480;
const MOST_LABELS = 24;
const MARGIN = 35;
const STUB = 24;

function circlePlaces(number) {
  const radius = number <= MOST_LABELS ? 178 : 222;
  return Array.from({ length: number }, (_, node) => {
    const angle = (2 * Math.PI * node) / number - Math.PI / 2;
    return { x: DRAWING / 2 + radius * Math.cos(angle), y: DRAWING / 2 + radius * Math.sin(angle),
      angle };
  });
}

// The rows that the generator chooses: the greatest divisor that is not above the square root.
function torusRows(number) {
  for (let rows = Math.floor(Math.sqrt(number)); rows >= 3; rows -= 1) {
    if (number % rows === 0) return rows;
  }
  return null;
}

function gridPlaces(number, rows) {
  const columns = number / rows;
  // Rows are never more than columns.
  const step = (DRAWING - 2 * MARGIN) / (columns - 1);
  return Array.from({ length: number }, (_, node) => ({
    x: MARGIN + step * (node % columns), y: MARGIN + step * Math.floor(node / columns),
    row: Math.floor(node / columns), column: node % columns,
  }));
}

function places() {
  const number = report.nodes.length;
  const rows = topology.name === 'torus' ? torusRows(number) : null;
  if (rows) return gridPlaces(number, rows);
  const circle = circlePlaces(number);
  if (topology.name === 'star') {
    const degrees = new Array(number).fill(0);
    for (const edge of topology.edges) for (const end of edge) degrees[end] += 1;
    const hub = degrees.indexOf(Math.max(...degrees));
    circle[hub] = { x: DRAWING / 2, y: DRAWING / 2, angle: 0 };
  }
  return circle;
}

const isGrid = (place) => place.row !== undefined;

// On a torus a link around the edge is a stub at both its ends.
function link(from, to) {
  const around = isGrid(from)
    && Math.abs(from.row - to.row) + Math.abs(from.column - to.column) > 1;
  if (!around) return svg('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
  const stub = (here, there) => svg('line', { class: 'stub', x1: here.x, y1: here.y,
    x2: here.x + STUB * Math.sign(here.x - there.x),
    y2: here.y + STUB * Math.sign(here.y - there.y) });
  return [stub(from, to), stub(to, from)];
}

function nodeTitle(node, name) {
  const roles = roleOf(name);
  const peers = topology.edges.filter((edge) => edge.includes(node)).length;
  const attack = shownAsByzantine(name) ? infoOf.get(name).attack : null;
  return `${name}: ${plural(peers, 'link')}${roles.length ? `, ${roles.join(', ')}` : ''}`
    + `${attack ? ` (${attack})` : ''}`;
}

function nodeMark(place, node, radius) {
  const { name } = report.nodes[node];
  const kind = isolatedNow.has(name) ? 'isolated' : lateNames.has(name) ? 'late' : '';
  // Square, so that the verdict does not hang on colour alone.
  const dot = kind === 'isolated'
    ? svg('rect', { class: 'dot isolated', x: place.x - radius, y: place.y - radius,
      width: 2 * radius, height: 2 * radius })
    : svg('circle', { class: `dot ${kind}`, cx: place.x, cy: place.y, r: radius });
  const ring = shownAsByzantine(name)
    ? svg('circle', { class: 'ring', cx: place.x, cy: place.y, r: radius * 1.42 + 2.5 }) : null;
  return svg('g', {}, svg('title', {}, nodeTitle(node, name)), dot, ring);
}

function nodeLabel(place, node) {
  if (place.angle === undefined || report.nodes.length > MOST_LABELS) return null;
  const away = 18;
  const right = Math.cos(place.angle);
  const { name } = report.nodes[node];
  const text = name.length > 9 ? `${name.slice(0, 8)}…` : name;
  return svg('text', { x: place.x + away * right, y: place.y + away * Math.sin(place.angle) + 4,
    'text-anchor': right > 0.2 ? 'start' : right < -0.2 ? 'end' : 'middle' }, text);
}

function drawing() {
  const spots = places();
  const radius = spots.length <= MOST_LABELS ? 9 : spots.length <= 100 ? 7 : 4.5;
  const opacity = Math.max(0.18, Math.min(1, 90 / Math.max(1, topology.edges.length) + 0.15));
  const links = topology.edges.map(([a, b]) => link(spots[a], spots[b]));
  // Names stand beside a circle, so its frame is wider.
  const box = isGrid(spots[0]) ? `0 0 ${DRAWING} ${spots.at(-1).y + MARGIN}`
    : spots.length <= MOST_LABELS ? `-36 20 ${DRAWING + 72} ${DRAWING - 40}`
      : `0 0 ${DRAWING} ${DRAWING}`;
  const label = `Drawing of the topology ${topology.name}: ${plural(spots.length, 'node')}, `
    + `${plural(topology.edge_count, 'link')}`;
  return svg('svg', { class: 'drawing', viewBox: box, role: 'img',
    'aria-label': label },
    svg('g', { opacity }, links),
    spots.map((place, node) => nodeMark(place, node, radius)),
    spots.map(nodeLabel));
}

function topologyFacts() {
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
function boundScale() {
  const { rounds_lower: lower, rounds_upper: upper } = topology;
  const measured = summary.rounds_to_converge;
  const end = Math.max(upper, measured ?? 0, 1) * 1.12;
  const at = (round) => `${Math.min(94, Math.max(6, (100 * round) / end))}%`;
  const exact = (round) => `${(100 * round) / end}%`;
  const label = (kind, round, text) =>
    el('span', { class: `label ${kind}`, style: { left: at(round) } }, text);
  const text = known(measured) ? `this run: ${plural(measured, 'round')}` : 'not converged';
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

function topologyKey() {
  const key = (kind, text) => el('span', { class: 'key' },
    svg('svg', { width: 14, height: 14, 'aria-hidden': 'true' }, kind === 'isolated'
      ? svg('rect', { class: 'dot isolated', x: 2, y: 2, width: 10, height: 10 })
      : svg('circle', { class: kind, cx: 7, cy: 7, r: 5.5 })),
    el('span', {}, text));
  return el('div', { class: 'legend' }, key('dot', 'taking part from the start'),
    lateNames.size ? key('dot late', 'joined late') : null,
    isolatedNow.size ? key('isolated', 'isolated') : null,
    isGrid(places()[0]) ? el('span', { class: 'key' },
      el('span', {}, 'stubs lead to the opposite side')) : null,
    harness.revealed ? key('ring', 'ringed: Byzantine') : null);
}

function showTopology() {
  const host = body('topology');
  const facts = [topologyFacts(), el('h3', {}, 'Rounds against theory'), boundScale()];
  if (!topology.edges) {
    host.append(note('The network has too many links to draw them.'), ...facts);
    return;
  }
  const picture = el('div');
  const draw = () => picture.replaceChildren(drawing(), topologyKey());
  draw();
  harness.listeners.push(draw);
  const reveal = revealSwitch();
  if (reveal) host.append(el('div', { class: 'controls' }, reveal));
  host.append(el('div', { class: 'network' }, picture, el('div', {}, facts)));
}

// Wire

const activeSizes = (round) =>
  sampled.flatMap((_, node) => (round.active[node] ? [round.wire_bytes[node]] : []));

function sizeLines() {
  return sampled.map((name, node) => {
    const ys = series('wire_bytes', node);
    return { ...strung([{ name, ys }], roundNumbers), mode: 'lines',
      customdata: [...ys.map(bytes), ''], line: { ...lineOf(node), width: 1.8 },
      meta: { key: `node ${node}`, label: name },
      hovertemplate: '%{text}: <b>%{customdata}</b><br>round %{x}<extra></extra>' };
  });
}

function sizeBand(colours) {
  const perRound = rounds.map((round) => spread(activeSizes(round)));
  const line = (part) => perRound.map((values) => values[part]);
  const band = { x: roundNumbers, mode: 'lines', hoverinfo: 'skip', line: { width: 0 } };
  return [
    { ...band, y: line('least'), meta: { key: 'band' } },
    { ...band, y: line('greatest'), fill: 'tonexty', fillcolor: colours.band,
      line: { width: 0, color: colours.calm },
      meta: { key: 'band', label: 'smallest to largest state' } },
    { x: roundNumbers, y: line('middle'), text: line('middle').map(bytes), mode: 'lines',
      line: { color: colours.accent, width: 2.5 }, meta: { key: 'middle', label: 'median state' },
      hovertemplate: 'median state: <b>%{text}</b><br>round %{x}<extra></extra>' },
  ];
}

function sentBars(colours) {
  const sent = rounds.map((round) => round.sent_bytes);
  return { type: 'bar', x: roundNumbers, y: sent, yaxis: 'y2', text: sent.map(bytes),
    textposition: 'none', marker: { color: colours.late, opacity: 0.75 },
    meta: { key: 'sent', label: 'sent in the round (below)', colour: colours.late },
    hovertemplate: 'all nodes sent <b>%{text}</b><br>round %{x}<extra></extra>' };
}

function showWire() {
  const host = body('wire');
  const largest = Math.max(1, ...rounds.flatMap(activeSizes));
  const most = Math.max(1, ...rounds.map((round) => round.sent_bytes));
  host.append(caption(`One contribution is ${bytes(model.bytes)}. All nodes together sent `
    + `${bytes(summary.sent_bytes)}.`));
  chart(host, 'Size of the serialised state per node, and bytes sent, per round', 460,
    (colours, width) => ({
      data: [...(sampled.length > MOST_LINES ? sizeBand(colours) : sizeLines()),
        sentBars(colours)],
      layout: {
        xaxis: roundAxis(width, { anchor: 'y2' }), bargap: 0.25,
        yaxis: byteAxis(largest, { domain: [0.46, 1], title: { text: 'state size' } }),
        yaxis2: byteAxis(most, { domain: [0, 0.38], title: { text: 'sent' } }),
        margin: { l: 78, r: 16, t: 12, b: 42 },
      },
    }));
  const sizes = (part) => (round) => spread(activeSizes(round))[part];
  figures(host, 'Bytes per round', [
    numeric('Round', (round) => round.round),
    numeric('Smallest state', sizes('least'), bytes),
    numeric('Median state', sizes('middle'), bytes),
    numeric('Largest state', sizes('greatest'), bytes),
    numeric('Sent', (round) => round.sent_bytes, bytes),
  ], rounds);
}
