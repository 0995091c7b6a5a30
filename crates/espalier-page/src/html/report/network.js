// The drawing of the topology and its figures.

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

function places({ report, topology }) {
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

function nodeTitle(view, node, name) {
  const { topology, infoOf } = view.run;
  const roles = rolesOf(view, name);
  const peers = topology.edges.filter((edge) => edge.includes(node)).length;
  const attack = shownAsByzantine(view, name) ? infoOf.get(name).attack : null;
  return `${name}: ${plural(peers, 'link')}${roles.length ? `, ${roles.join(', ')}` : ''}`
    + `${attack ? ` (${attack})` : ''}`;
}

function nodeMark(view, place, node, radius) {
  const { report, isolatedNow, lateNames } = view.run;
  const { name } = report.nodes[node];
  const kind = isolatedNow.has(name) ? 'isolated' : lateNames.has(name) ? 'late' : '';
  // Square, so that the verdict does not hang on colour alone.
  const dot = kind === 'isolated'
    ? svg('rect', { class: 'dot isolated', x: place.x - radius, y: place.y - radius,
      width: 2 * radius, height: 2 * radius })
    : svg('circle', { class: `dot ${kind}`, cx: place.x, cy: place.y, r: radius });
  const ring = shownAsByzantine(view, name)
    ? svg('circle', { class: 'ring', cx: place.x, cy: place.y, r: radius * 1.42 + 2.5 }) : null;
  return svg('g', {}, svg('title', {}, nodeTitle(view, node, name)), dot, ring);
}

function nodeLabel({ report }, place, node) {
  if (place.angle === undefined || report.nodes.length > MOST_LABELS) return null;
  const away = 18;
  const right = Math.cos(place.angle);
  const { name } = report.nodes[node];
  const text = name.length > 9 ? `${name.slice(0, 8)}…` : name;
  return svg('text', { x: place.x + away * right, y: place.y + away * Math.sin(place.angle) + 4,
    'text-anchor': right > 0.2 ? 'start' : right < -0.2 ? 'end' : 'middle' }, text);
}

function drawing(view) {
  const { topology } = view.run;
  const spots = places(view.run);
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
    spots.map((place, node) => nodeMark(view, place, node, radius)),
    spots.map((place, node) => nodeLabel(view.run, place, node)));
}

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

function topologyKey({ run, harness }) {
  const { lateNames, isolatedNow } = run;
  const key = (kind, text) => el('span', { class: 'key' },
    svg('svg', { width: 14, height: 14, 'aria-hidden': 'true' }, kind === 'isolated'
      ? svg('rect', { class: 'dot isolated', x: 2, y: 2, width: 10, height: 10 })
      : svg('circle', { class: kind, cx: 7, cy: 7, r: 5.5 })),
    el('span', {}, text));
  return el('div', { class: 'legend' }, key('dot', 'taking part from the start'),
    lateNames.size ? key('dot late', 'joined late') : null,
    isolatedNow.size ? key('isolated', 'isolated') : null,
    isGrid(places(run)[0]) ? el('span', { class: 'key' },
      el('span', {}, 'stubs lead to the opposite side')) : null,
    harness.revealed ? key('ring', 'ringed: Byzantine') : null);
}

function showTopology(view, host) {
  const { run, harness } = view;
  const scale = el('div');
  const facts = [topologyFacts(run), el('h3', {}, 'Rounds against theory'), scale];
  const picture = el('div');
  const draw = () => picture.replaceChildren(drawing(view), topologyKey(view));
  const update = () => {
    scale.replaceChildren(boundScale(run));
    if (run.topology.edges) draw();
  };
  update();
  if (!run.topology.edges) {
    host.append(note('The network has too many links to draw them.'), ...facts);
    return update;
  }
  harness.listeners.push(draw);
  const reveal = revealSwitch(view);
  if (reveal) host.append(el('div', { class: 'controls' }, reveal));
  host.append(el('div', { class: 'network' }, picture, el('div', {}, facts)));
  return update;
}
