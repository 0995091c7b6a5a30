// Heat maps of nodes by rounds: the state matrix and the tombstones.

// Hues that stay apart for most kinds of colour vision, none near the final state's green. The
// strengths differ in lightness, so that colours of one hue stay apart too.
const STATE_HUES = ['#E69F00', '#0072B2', '#CC79A7', '#D55E00', '#56B4E9', '#8C6D31', '#6A51A3'];
const STATE_STRENGTHS = [1, 0.62, 0.38, 0.8, 0.5];

function mixed(hex, strength, ground) {
  const part = (text, at) => parseInt(text.slice(at, at + 2), 16);
  const blend = (at) => Math.round(part(hex, at) * strength + part(ground, at) * (1 - strength));
  return `rgb(${blend(1)}, ${blend(3)}, ${blend(5)})`;
}

const PALETTE = STATE_STRENGTHS.flatMap((strength) =>
  STATE_HUES.map((hue) => mixed(hue, strength, '#f2f2f2')));

// One slot of the palette for each value: the hash chooses, and gives way while there is room.
function slotsOf(run, field, final) {
  const slots = new Map([[final, 0]]);
  const taken = new Set();
  for (const round of run.rounds) {
    round[field].forEach((hash, node) => {
      if (slots.has(hash) || !round.active[node]) return;
      let slot = parseInt(hash.slice(0, 6), 16) % PALETTE.length;
      if (taken.size < PALETTE.length) while (taken.has(slot)) slot = (slot + 1) % PALETTE.length;
      taken.add(slot);
      slots.set(hash, slot + 1);
    });
  }
  return slots;
}

// Colours as steps: slot k covers [k, k + 1) of the scale.
function stepScale(colours) {
  const size = colours.length;
  return colours.flatMap((colour, index) =>
    [[index / size, colour], [(index + 1) / size, colour]]);
}

const transposed = (run, value) =>
  run.sampled.map((_, node) => run.rounds.map((round) => value(round, node)));

// Crosses over the cells of nodes that take no part.
function inactiveTrace({ sampled, rounds }, colours) {
  const trace = { x: [], y: [], text: [], mode: 'markers', meta: {},
    marker: { symbol: 'x-thin', size: sampled.length > 40 ? 4 : 7,
      line: { color: colours.offmark, width: 1.2 } },
    hovertemplate: '%{text}, round %{x}<br>takes no part<extra></extra>' };
  for (const round of rounds) {
    round.active.forEach((active, node) => {
      if (active) return;
      trace.x.push(round.round);
      trace.y.push(node);
      trace.text.push(inert(sampled[node]));
    });
  }
  return trace;
}

function heatLayout(view, colours, width, height) {
  return {
    plot_bgcolor: colours.off, xaxis: roundAxis(view, width, { ticks: '' }),
    yaxis: nodeAxis(view.run, height - HEAT_MARGINS.t - HEAT_MARGINS.b), margin: HEAT_MARGINS,
  };
}

// Between few cells a gap that shows. None at all would make plotly.js set a style attribute, which
// a policy may forbid.
const gapOf = (view, width) =>
  (view.run.sampled.length <= 40 && roundSpan(view).length <= width / 9 ? 1 : 0.01);

// What changed in a node's state with a round, in words.
function changeText(run, field, node, index) {
  const before = run.rounds[index - 1];
  const round = run.rounds[index];
  if (!before) return 'its own model';
  if (!before.active[node]) return 'takes part from here';
  const was = before[field][node];
  if (was === round[field][node]) return 'as in the round before';
  const from = `was ${short(was)}`;
  if (round.clock[node] === before.clock[node]) return from;
  const news = Object.entries(round.clock[node] ?? {})
    .filter(([author, entry]) => entry !== (before.clock[node]?.[author] ?? 0))
    .map(([author]) => author);
  return news.length ? `${from}; new from ${inert(listed(news, 4))}` : from;
}

// What the hover says of each node in one round.
function roundHover(run, field, index) {
  const round = run.rounds[index];
  const holders = new Map();
  round[field].forEach((hash, node) => {
    if (round.active[node]) holders.set(hash, (holders.get(hash) ?? 0) + 1);
  });
  return run.sampled.map((name, node) => {
    const hash = round[field][node];
    return `${inert(name)}, round ${round.round}<br>${short(hash)}<br>`
      + `held by ${plural(holders.get(hash) ?? 0, 'node')}<br>`
      + `${changeText(run, field, node, index)}`;
  });
}

// Rounds that are past do not change: only new ones are written.
function matrixHover(run, field, written) {
  while (written.length < run.rounds.length) {
    written.push(roundHover(run, field, written.length));
  }
  return run.sampled.map((_, node) => written.map((texts) => texts[node]));
}

function matrixKey(field) {
  const key = (colour, text) => el('span', { class: 'key' },
    el('i', { class: 'chip', style: { background: colour } }), el('span', {}, text));
  const final = field === 'state_hash' ? 'the final state' : 'the final bound root';
  return el('div', { class: 'legend' }, key('var(--calm)', final),
    key('linear-gradient(90deg, #E69F00 0 33%, #0072B2 33% 66%, #CC79A7 66%)',
      'other values, a colour each'),
    key('var(--off-mark)', '× takes no part'));
}

function finalValue({ summary, lastRound }, field) {
  if (field === 'state_hash') return summary.final_state_hash;
  const holder = lastRound.state_hash.indexOf(summary.final_state_hash);
  return holder < 0 ? null : lastRound.bound_root[holder];
}

function matrixTable({ run }, host) {
  const columns = () => [named('Node', (node) => run.sampled[node]),
    ...run.rounds.map((round) => ({ head: String(round.round),
      cell: (node) => (round.active[node] ? hashText(round.state_hash[node]) : MISSING) }))];
  return figures(host, 'State hash per node and round', columns,
    run.sampled.map((_, node) => node));
}

function matrixTraces(run, field, written, colours, gap) {
  const slots = slotsOf(run, field, finalValue(run, field));
  const scale = [colours.calm, ...PALETTE];
  const z = transposed(run, (round, node) =>
    (round.active[node] ? slots.get(round[field][node]) + 0.5 : null));
  const map = { type: 'heatmap', x: run.roundNumbers, y: run.sampled.map((_, node) => node), z,
    zmin: 0, zmax: scale.length, colorscale: stepScale(scale), showscale: false,
    xgap: gap, ygap: gap, hoverongaps: false, text: matrixHover(run, field, written),
    hovertemplate: '%{text}<extra></extra>' };
  return [map, inactiveTrace(run, colours)];
}

function showStates(view, host) {
  const { run } = view;
  const height = rowsHeight(run.sampled.length);
  const key = el('div');
  const written = { state_hash: [], bound_root: [] };
  const build = (colours, width) => ({
    data: matrixTraces(run, field.value(), written[field.value()], colours,
      gapOf(view, width)),
    layout: heatLayout(view, colours, width, height),
  });
  const show = () => {
    drawn.draw();
    key.replaceChildren(matrixKey(field.value()));
  };
  const field = settingChoice(view, 'field', 'Show',
    [['state_hash', 'State hash'], ['bound_root', 'Bound root']], show);
  host.append(field.controls);
  const drawn = chart(host, 'Heat map of nodes by rounds: equal colour is equal state', height,
    build);
  key.append(matrixKey(field.value()));
  host.append(key);
  const table = matrixTable(view, host);
  return () => {
    drawn.draw();
    table();
  };
}

// Tombstones

const mostTombstones = (run) =>
  run.rounds.reduce((most, round) => Math.max(most, ...round.tombstones), 0);

function missingTombstones({ run }) {
  if (mostTombstones(run) > 0) return null;
  return run.ended ? 'No tombstones: nothing was retracted in this run.'
    : 'No tombstones yet: nothing was retracted so far.';
}

function tombstoneTrace(view, colours, width) {
  const { run } = view;
  const at = (round, node) => (round.active[node] ? round.tombstones[node] : null);
  return { type: 'heatmap', x: run.roundNumbers, y: run.sampled.map((_, node) => node),
    z: transposed(run, at), zmin: 0, zmax: Math.max(...across(view, mostTombstones)),
    showscale: false, hoverongaps: false, xgap: gapOf(view, width), ygap: gapOf(view, width),
    colorscale: [[0, colours.sunken], [1, colours.note]],
    text: transposed(run, (_, node) => inert(run.sampled[node])),
    hovertemplate: '%{text}, round %{x}<br>%{z} tombstones<extra></extra>' };
}

function showTombstones(view, host) {
  const { run } = view;
  const height = rowsHeight(run.sampled.length);
  const most = caption();
  host.append(most);
  const drawn = chart(host, 'Heat map of tombstones per node and round', height,
    (colours, width) => ({
      data: [tombstoneTrace(view, colours, width), inactiveTrace(run, colours)],
      layout: heatLayout(view, colours, width, height),
    }));
  const table = figures(host, 'Tombstones per node', [named('Node', (node) => run.sampled[node]),
    numeric('At the end', (node) => run.lastRound.tombstones[node]),
    numeric('First round with any', (node) =>
      run.rounds.find((round) => round.tombstones[node] > 0)?.round ?? null)],
  run.sampled.map((_, node) => node));
  const update = () => {
    most.textContent = `Most in one state: ${count(mostTombstones(run))}. `
      + 'The stronger the colour, the more.';
    drawn.draw();
    table();
  };
  update();
  return update;
}
