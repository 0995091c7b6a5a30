// Heat maps of nodes by rounds: the state matrix and the tombstones; and task accuracy.

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
function slotsOf(field, final) {
  const slots = new Map([[final, 0]]);
  const taken = new Set();
  for (const round of rounds) {
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

const transposed = (value) =>
  sampled.map((_, node) => rounds.map((round) => value(round, node)));

// Crosses over the cells of nodes that take no part.
function inactiveTrace(colours) {
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

function heatLayout(colours, width, height) {
  return {
    plot_bgcolor: colours.off, xaxis: roundAxis(width, { ticks: '' }),
    yaxis: nodeAxis(height - HEAT_MARGINS.t - HEAT_MARGINS.b), margin: HEAT_MARGINS,
  };
}

const gapOf = (width) => (sampled.length <= 40 && rounds.length <= width / 9 ? 1 : 0);

function matrixHover(field) {
  const holders = rounds.map((round) => {
    const tally = new Map();
    round[field].forEach((hash, node) => {
      if (round.active[node]) tally.set(hash, (tally.get(hash) ?? 0) + 1);
    });
    return tally;
  });
  const text = (round, node, index) => {
    const hash = round[field][node];
    const holds = plural(holders[index].get(hash) ?? 0, 'node');
    return `${inert(sampled[node])}, round ${round.round}<br><b>${short(hash)}</b><br>`
      + `held by ${holds}`;
  };
  return sampled.map((_, node) => rounds.map((round, index) => text(round, node, index)));
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

function finalValue(field) {
  if (field === 'state_hash') return summary.final_state_hash;
  const holder = lastRound.state_hash.indexOf(summary.final_state_hash);
  return holder < 0 ? null : lastRound.bound_root[holder];
}

function matrixTable(host) {
  const columns = [named('Node', (node) => sampled[node])];
  for (const [index, round] of rounds.entries()) {
    columns.push({ head: String(round.round), cell: (node) => (rounds[index].active[node]
      ? hashText(rounds[index].state_hash[node]) : MISSING) });
  }
  figures(host, 'State hash per node and round', columns, sampled.map((_, node) => node));
}

function showStates() {
  const host = body('states');
  if (sampled.length === 0) {
    host.append(note('No node was sampled in this run, so there are no hashes to show.'));
    return;
  }
  const state = { field: 'state_hash' };
  const height = rowsHeight(sampled.length);
  const key = el('div');
  const build = (colours, width) => {
    const { field } = state;
    const slots = slotsOf(field, finalValue(field));
    const scale = [colours.calm, ...PALETTE];
    const z = transposed((round, node) =>
      (round.active[node] ? slots.get(round[field][node]) + 0.5 : null));
    const map = { type: 'heatmap', x: roundNumbers, y: sampled.map((_, node) => node), z,
      zmin: 0, zmax: scale.length, colorscale: stepScale(scale), showscale: false,
      xgap: gapOf(width), ygap: gapOf(width), hoverongaps: false, text: matrixHover(field),
      hovertemplate: '%{text}<extra></extra>' };
    return { data: [map, inactiveTrace(colours)], layout: heatLayout(colours, width, height) };
  };
  const show = (field) => {
    state.field = field;
    drawn.draw();
    key.replaceChildren(matrixKey(field));
  };
  host.append(el('div', { class: 'controls' }, 'Show', choice('Show',
    [['state_hash', 'State hash'], ['bound_root', 'Bound root']], state.field, show)));
  const drawn = chart(host, 'Heat map of nodes by rounds: equal colour is equal state', height,
    build);
  key.append(matrixKey(state.field));
  host.append(key);
  matrixTable(host);
}

// Tombstones

function showTombstones() {
  const host = body('tombstones');
  const greatest = Math.max(0, ...rounds.flatMap((round) => round.tombstones));
  if (greatest === 0) {
    host.append(note('No tombstones: nothing was retracted in this run.'));
    return;
  }
  const height = rowsHeight(sampled.length);
  host.append(caption(`Most in one state: ${count(greatest)}. The stronger the colour, the more.`));
  chart(host, 'Heat map of tombstones per node and round', height, (colours, width) => {
    const map = { type: 'heatmap', x: roundNumbers, y: sampled.map((_, node) => node),
      z: transposed((round, node) => (round.active[node] ? round.tombstones[node] : null)),
      zmin: 0, zmax: greatest, showscale: false, hoverongaps: false,
      xgap: gapOf(width), ygap: gapOf(width),
      colorscale: [[0, colours.sunken], [1, colours.note]],
      text: transposed((_, node) => inert(sampled[node])),
      hovertemplate: '%{text}, round %{x}<br><b>%{z}</b> tombstones<extra></extra>' };
    return { data: [map, inactiveTrace(colours)], layout: heatLayout(colours, width, height) };
  });
  figures(host, 'Tombstones per node', [named('Node', (node) => sampled[node]),
    numeric('At the end', (node) => lastRound.tombstones[node]),
    numeric('First round with any', (node) =>
      rounds.find((round) => round.tombstones[node] > 0)?.round ?? null)],
  sampled.map((_, node) => node));
}

// Task accuracy

// Dots for the nodes' own models.
function aloneDots(colours, at) {
  const alone = (model.alone_accuracy ?? [])
    .map((value, node) => ({ name: sampled[node] ?? '', value }))
    .filter(({ value }) => known(value));
  return { x: alone.map(() => at), y: alone.map(({ value }) => value), mode: 'markers',
    text: alone.map(({ name }) => inert(name)),
    marker: { color: colours.late, size: 8, opacity: 0.6 },
    meta: { key: 'alone', label: 'each node alone' },
    hovertemplate: '%{text} alone: <b>%{y:.1%}</b><extra></extra>' };
}

function accuracyBand(colours, perRound) {
  const line = (part) => perRound.map((values) => values[part]);
  const band = { x: roundNumbers, mode: 'lines', hoverinfo: 'skip', line: { width: 0 } };
  const meta = { key: 'band', label: 'worst to best merged' };
  return [
    { ...band, y: line('least'), meta: { key: 'band' } },
    { ...band, y: line('greatest'), fill: 'tonexty', fillcolor: colours.band,
      line: { width: 0, color: colours.calm }, meta },
    { x: roundNumbers, y: line('middle'), mode: 'lines+markers', marker: { size: 5 },
      line: { color: colours.accent, width: 3 }, meta: { key: 'middle', label: 'median merged' },
      hovertemplate: 'median merged: <b>%{y:.1%}</b><br>round %{x}<extra></extra>' },
  ];
}

function accuracyLines() {
  if (sampled.length > MOST_LINES) return [];
  return sampled.flatMap((name, node) => (isByzantine(name) ? [] : [{
    ...strung([{ name, ys: series('task_accuracy', node) }], roundNumbers), mode: 'lines',
    line: { ...lineOf(node), width: 1.2 }, meta: { key: `node ${node}`, label: name },
    hovertemplate: '%{text}: <b>%{y:.1%}</b><br>round %{x}<extra></extra>' }]));
}

function accuracyLayout(colours, width, at, values) {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.01, (greatest - least) * 0.08);
  const axis = roundAxis(width);
  const first = Math.ceil(roundNumbers[0] / axis.dtick) * axis.dtick;
  const ticks = [];
  for (let tick = first; tick <= lastNumber; tick += axis.dtick) ticks.push(tick);
  return {
    xaxis: { ...axis, tickvals: [at, ...ticks], ticktext: ['alone', ...ticks], tickmode: 'array',
      range: [at - (roundNumbers[0] - at) * 0.6, axis.range[1]] },
    yaxis: { title: { text: 'accuracy' }, tickformat: greatest - least < 0.05 ? '.1%' : '.0%',
      range: [least - room, greatest + room] },
    shapes: known(model.base_accuracy) ? [{ type: 'line', xref: 'paper', x0: 0, x1: 1,
      y0: model.base_accuracy, y1: model.base_accuracy,
      line: { color: colours.muted, width: 1.5, dash: 'dash' } }] : [],
    annotations: known(model.base_accuracy) ? [{ xref: 'paper', x: 1, xanchor: 'right',
      y: model.base_accuracy, yanchor: 'bottom', showarrow: false,
      text: `base model ${percent(model.base_accuracy)}`, font: { size: 11 } }] : [],
    margin: { l: 60, r: 16, t: 16, b: 42 },
  };
}

function showAccuracy() {
  const host = body('accuracy');
  const perRound = rounds.map((round) =>
    spread(honestActive(round).map((node) => round.task_accuracy[node])));
  if (perRound.every((values) => !known(values.middle))) {
    host.append(note(known(summary.final_accuracy)
      ? 'The accuracy of the single nodes was not measured in this run.'
      : 'Not available: this model family comes without a test part on which accuracy could be '
        + 'measured.'));
    return;
  }
  const state = { range: 'all' };
  const build = (colours, width) => {
    const at = roundNumbers[0] - Math.max(1, (rounds.length * 46) / Math.max(width - 76, 100));
    const dots = aloneDots(colours, at);
    const merged = perRound.flatMap((values) => [values.least, values.greatest]);
    const all = state.range === 'all' ? [...merged, ...dots.y, model.base_accuracy] : merged;
    return { data: [...accuracyBand(colours, perRound), ...accuracyLines(), dots],
      layout: accuracyLayout(colours, width, at, all.filter(known)) };
  };
  host.append(el('div', { class: 'controls' }, 'Range', choice('Range',
    [['all', 'Everything'], ['merged', 'Merged models only']], state.range,
    (range) => { state.range = range; drawn.draw(); })));
  const drawn = chart(host, 'Accuracy of the merged models per round, beside each node alone',
    380, build);
  figures(host, 'Accuracy per round', [
    numeric('Round', ({ round }) => round),
    numeric('Worst', ({ values }) => values.least, percent),
    numeric('Median', ({ values }) => values.middle, percent),
    numeric('Best', ({ values }) => values.greatest, percent),
  ], perRound.map((values, index) => ({ round: roundNumbers[index], values })));
}
