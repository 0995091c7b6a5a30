// Draws a scene of the network: as SVG, or on a canvas where there are too many nodes for that.
//
// A scene is { marks: [{ shape, colour, ring, chosen, title }], messages: { merged, lost, blocked:
// [{ from, to }] }, cuts: [[from, to]], progress, cursor }. Drawings are { node, draw(scene) }.

const MOST_SVG_NODES = 300;
const OUTCOME_KINDS = ['merged', 'lost', 'blocked'];

// Many messages at once are paler, so that the nodes stay in sight.
const messageOpacity = (messages) => Math.max(0.25, Math.min(1, 350 / Math.max(1, messages)));

const linkOpacity = (edges) => Math.max(0.1, Math.min(1, 90 / Math.max(1, edges) + 0.12));

function nodeLabel(place, name) {
  const away = 21;
  const right = Math.cos(place.angle);
  const text = name.length > 9 ? `${name.slice(0, 8)}…` : name;
  return svg('text', { x: place.x + away * right, y: place.y + away * Math.sin(place.angle) + 4,
    'text-anchor': right > 0.2 ? 'start' : right < -0.2 ? 'end' : 'middle' }, text);
}

function svgMark(place, radius, onchoose) {
  const title = svg('title');
  const mark = svg('path', { class: 'mark' });
  const ring = svg('path', { class: 'ring', d: MARKS.circle(place, radius * 1.42 + 2.5) });
  const chosen = svg('path', { class: 'chosen', d: MARKS.circle(place, radius * 1.42 + 5) });
  const node = svg('g', { class: 'node', onclick: onchoose }, title,
    svg('circle', { cx: place.x, cy: place.y, r: radius + 4, class: 'touch' }), ring, chosen, mark);
  let shown = '';
  function draw(look, cursor) {
    // Most nodes look as the round before; touching them all would cost a frame.
    const wanted = JSON.stringify([look, cursor]);
    if (wanted === shown) return;
    shown = wanted;
    title.textContent = look.title;
    const size = look.shape === 'cross' ? radius * 0.7 : radius;
    mark.setAttribute('d', MARKS[look.shape](place, size));
    mark.setAttribute('class', `mark ${look.shape}`);
    mark.style.fill = look.shape === 'cross' ? 'none' : look.colour;
    ring.style.display = look.ring ? '' : 'none';
    chosen.style.display = look.chosen || cursor ? '' : 'none';
    chosen.setAttribute('class', look.chosen ? 'chosen' : 'chosen cursor');
  }
  return { node, draw };
}

function svgDrawing(run, spots, onchoose) {
  const radius = radiusFor(spots);
  const edges = run.topology.edges ?? [];
  const marks = spots.map((place, node) => svgMark(place, radius, () => onchoose(node)));
  const messages = OUTCOME_KINDS.map((kind) => ['line', 'end'].map((part) =>
    svg('path', { class: `message ${kind} ${part}` })));
  const cuts = svg('path', { class: 'cuts' });
  const labels = spots[0].angle === undefined || spots.length > MOST_LABELS ? []
    : spots.map((place, node) => nodeLabel(place, run.report.nodes[node].name));
  const node = svg('svg', { class: 'drawing', viewBox: frameOf(spots).join(' '),
    'aria-hidden': 'true' },
  svg('path', { class: 'links', d: linksText(spots, edges), opacity: linkOpacity(edges.length) }),
  cuts, messages, marks.map((mark) => mark.node), labels);
  function draw(scene) {
    OUTCOME_KINDS.forEach((kind, index) => {
      const sent = scene.messages[kind];
      messagesText(kind, spots, sent, radius, scene.progress).forEach((text, part) => {
        messages[index][part].setAttribute('d', text);
        messages[index][part].setAttribute('opacity', messageOpacity(sent.length));
      });
    });
    cuts.setAttribute('d', linksText(spots, scene.cuts));
    marks.forEach((mark, index) => mark.draw(scene.marks[index], scene.cursor === index));
  }
  return { node, draw };
}

const MESSAGE_STYLES = {
  merged: { colour: 'accent', dash: [] },
  lost: { colour: 'bad', dash: [5, 3] },
  blocked: { colour: 'note', dash: [1.5, 3] },
};

function canvasMarks(pen, colours, spots, scene, radius) {
  const fills = new Map();
  let [crosses, rings, squares] = ['', '', ''];
  scene.marks.forEach(({ shape, colour, ring }, index) => {
    const place = spots[index];
    if (shape === 'cross') crosses += MARKS.cross(place, radius * 0.7);
    else fills.set(colour, (fills.get(colour) ?? '') + MARKS[shape](place, radius));
    if (shape === 'square') squares += MARKS.square(place, radius);
    if (ring) rings += MARKS.circle(place, radius + 2.5);
  });
  for (const [colour, text] of fills) {
    pen.fillStyle = colour;
    pen.fill(new Path2D(text));
  }
  const stroke = (text, colour, width) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke(new Path2D(text));
  };
  stroke(crosses, colours.offmark, 1);
  stroke(squares, colours.ink, 1.2);
  stroke(rings, colours.ink, 1.4);
  scene.marks.forEach(({ chosen }, index) => {
    if (chosen || scene.cursor === index) {
      stroke(MARKS.circle(spots[index], radius + 5), chosen ? colours.accent : colours.muted, 2.2);
    }
  });
}

// The node nearest to a place in the drawing.
function nearestSpot(spots, x, y) {
  const distance = (place) => (place.x - x) ** 2 + (place.y - y) ** 2;
  return spots.reduce((best, place, node) =>
    (distance(place) < distance(spots[best]) ? node : best), 0);
}

function canvasDrawing(run, spots, onchoose) {
  const radius = radiusFor(spots);
  const edges = run.topology.edges ?? [];
  const [left, top, width, height] = frameOf(spots);
  const links = new Path2D(linksText(spots, edges));
  const node = el('canvas', { class: 'drawing', 'aria-hidden': 'true',
    style: { aspectRatio: `${width} / ${height}` } });
  const pen = node.getContext('2d');
  let last = null;

  const under = ({ offsetX, offsetY }) => nearestSpot(spots,
    left + (offsetX * width) / node.clientWidth, top + (offsetY * height) / node.clientHeight);
  node.addEventListener('click', (event) => onchoose(under(event)));
  node.addEventListener('pointermove', (event) => {
    const title = last?.marks[under(event)].title ?? '';
    if (node.title !== title) node.title = title;
  });

  function draw(scene) {
    last = scene;
    const scale = (node.clientWidth * window.devicePixelRatio) / width;
    if (scale === 0) return;
    const size = Math.round(width * scale);
    if (node.width !== size) [node.width, node.height] = [size, Math.round(height * scale)];
    const colours = theme();
    pen.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
    pen.clearRect(left, top, width, height);
    pen.globalAlpha = linkOpacity(edges.length);
    pen.strokeStyle = colours.quiet;
    pen.lineWidth = 0.8;
    pen.stroke(links);
    pen.globalAlpha = 0.5;
    pen.strokeStyle = colours.note;
    pen.setLineDash(MESSAGE_STYLES.blocked.dash);
    pen.stroke(new Path2D(linksText(spots, scene.cuts)));
    pen.globalAlpha = 1;
    for (const kind of OUTCOME_KINDS) {
      pen.globalAlpha = messageOpacity(scene.messages[kind].length);
      pen.strokeStyle = colours[MESSAGE_STYLES[kind].colour];
      pen.lineWidth = 1;
      const texts = messagesText(kind, spots, scene.messages[kind], radius, scene.progress);
      texts.forEach((text, part) => {
        pen.setLineDash(part === 0 ? MESSAGE_STYLES[kind].dash : []);
        pen.stroke(new Path2D(text));
      });
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    canvasMarks(pen, colours, spots, scene, radius);
  }

  return { node, draw };
}
