// Where nodes stand in a drawing of the network, and the lines between them. Lines and marks are
// paths as text, which SVG and canvas read alike.

const DRAWING = 480;
const MOST_LABELS = 24;
const MARGIN = 35;
const STUB = 24;
// So many nodes fit on one circle; more stand on several lanes, next to their neighbours still.
const LANE_NODES = 110;

function circlePlaces(number) {
  const lanes = Math.ceil(number / LANE_NODES);
  const outer = number <= MOST_LABELS ? 178 : 221;
  const step = lanes > 1 ? Math.min(16, 150 / (lanes - 1)) : 0;
  return Array.from({ length: number }, (_, node) => {
    const angle = (2 * Math.PI * node) / number - Math.PI / 2;
    const radius = outer - step * (node % lanes);
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
  if (topology.name === 'star' && topology.edges) {
    const degrees = degreesOf(topology, number);
    const hub = degrees.indexOf(Math.max(...degrees));
    circle[hub] = { x: DRAWING / 2, y: DRAWING / 2, angle: 0 };
  }
  return circle;
}

function degreesOf(topology, number) {
  const degrees = new Array(number).fill(0);
  for (const edge of topology.edges) for (const end of edge) degrees[end] += 1;
  return degrees;
}

const isGrid = (place) => place.row !== undefined;

// The part of the page that a drawing takes: [x, y, width, height].
function frameOf(spots) {
  if (isGrid(spots[0])) return [0, 0, DRAWING, spots.at(-1).y + MARGIN];
  // Names stand next to a circle, so its frame is wider.
  if (spots.length <= MOST_LABELS) return [-36, 20, DRAWING + 72, DRAWING - 40];
  return [0, 0, DRAWING, DRAWING];
}

const radiusFor = (spots) => {
  const few = spots.length <= MOST_LABELS ? 9 : spots.length <= 100 ? 7
    : spots.length <= 300 ? 4.5 : 3.4;
  // On a grid the neighbours are as near as its columns.
  return isGrid(spots[0]) ? Math.max(2, Math.min(few, (spots[1].x - spots[0].x) * 0.4)) : few;
};

const wrapsAround = (from, to) => isGrid(from)
  && Math.abs(from.row - to.row) + Math.abs(from.column - to.column) > 1;

const stubEnd = (here, there) => ({ x: here.x + STUB * Math.sign(here.x - there.x),
  y: here.y + STUB * Math.sign(here.y - there.y) });

// The lines from one node to another, in this direction. On a torus a link around the edge is a
// stub at both its ends.
function linesBetween(from, to) {
  if (!wrapsAround(from, to)) return [[from, to]];
  return [[from, stubEnd(from, to)], [stubEnd(to, from), to]];
}

const px = (value) => value.toFixed(1);
const lineText = (from, to) => `M${px(from.x)} ${px(from.y)}L${px(to.x)} ${px(to.y)}`;

const linksText = (spots, edges) => edges.flatMap(([a, b]) =>
  linesBetween(spots[a], spots[b]).map(([from, to]) => lineText(from, to))).join('');

// The mark of a node. Shapes differ, so that nothing hangs on colour alone.
const MARKS = {
  circle: ({ x, y }, r) =>
    `M${px(x - r)} ${px(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
  square: ({ x, y }, r) => `M${px(x - r)} ${px(y - r)}h${2 * r}v${2 * r}h${-2 * r}Z`,
  cross: ({ x, y }, r) => `M${px(x - r)} ${px(y - r)}l${2 * r} ${2 * r}`
    + `M${px(x - r)} ${px(y + r)}l${2 * r} ${-2 * r}`,
};

// How far a message comes, and what stands at the end of its line: an arrow where it arrived, a
// cross where it was lost, a bar where it was blocked.
const REACH = { merged: 1, lost: 0.62, blocked: 0.5 };

function endText(outcome, { x, y }, along, size) {
  const point = (forward, aside) => ({ x: x + size * (forward * along.x - aside * along.y),
    y: y + size * (forward * along.y + aside * along.x) });
  const line = (a, b) => lineText(point(...a), point(...b));
  if (outcome === 'merged') return line([-1.4, 0.9], [0, 0]) + line([0, 0], [-1.4, -0.9]);
  if (outcome === 'lost') return line([-0.8, -0.8], [0.8, 0.8]) + line([-0.8, 0.8], [0.8, -0.8]);
  return line([0, -1.2], [0, 1.2]);
}

// One message that has gone `progress` of its way, from 0 to 1: its line and what is at the end.
function messageText(outcome, from, to, radius, progress) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length <= 2 * radius) return ['', ''];
  const along = { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
  const way = (length - 2 * radius - 1) * REACH[outcome] * progress;
  const on = (distance) => ({ x: from.x + along.x * distance, y: from.y + along.y * distance });
  const tip = on(radius + way);
  return [lineText(on(radius), tip),
    endText(outcome, tip, along, Math.min(5, Math.max(2.5, radius * 0.7)))];
}

function messagesText(outcome, spots, messages, radius, progress) {
  const texts = messages.flatMap(({ from, to }) => linesBetween(spots[from], spots[to])
    .map(([a, b]) => messageText(outcome, a, b, radius, progress)));
  return [0, 1].map((part) => texts.map((text) => text[part]).join(''));
}
