// Figures after each round: a line and a band for each run.

const CURVES = [
  { key: 'mean_pairwise_l2', label: 'Mean pairwise L2', axis: 'mean pairwise L2', write: quantity,
    scale: 'log' },
  { key: 'distinct_states', label: 'Different states', axis: 'different states', write: few,
    scale: 'linear' },
  { key: 'accuracy', label: 'Accuracy', axis: 'mean accuracy of the merged models',
    write: percent },
].filter(({ key }) => runs.some(({ curves }) => curves[key].mean.some(known)));

// Above this many runs bands hide each other.
const MOST_BANDS = 8;

function faint(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${parts.join(', ')}, 0.16)`;
}

const roundsOf = (values) => values.map((_, round) => round);

function bandTrace(run, curve, lift) {
  const { low, high } = run.curves[curve.key];
  const there = roundsOf(low).filter((round) => known(low[round]));
  return { x: [...there, ...[...there].reverse()],
    y: [...there.map((round) => lift(high[round])),
      ...[...there].reverse().map((round) => lift(low[round]))],
    mode: 'lines', fill: 'toself', fillcolor: faint(lineOf(run.at).color), line: { width: 0 },
    hoverinfo: 'skip', meta: { key: String(run.at) } };
}

function lineTrace(run, curve, lift) {
  const { mean: middle, low, high, n } = run.curves[curve.key];
  const text = middle.map((value, round) => (known(low[round])
    ? `${curve.write(value)} (${curve.write(low[round])} to ${curve.write(high[round])})`
    : curve.write(value)) + (n[round] < run.seeds ? `<br>of ${n[round]} seeds` : ''));
  return { x: roundsOf(middle), y: middle.map((value) => (known(value) ? lift(value) : null)), text,
    mode: 'lines+markers', line: { ...lineOf(run.at), width: 2.5 },
    marker: { size: middle.length > 60 ? 3 : 5, color: lineOf(run.at).color },
    hovertemplate: `${inert(run.run)}<br>round %{x}: %{text}<extra></extra>`,
    meta: { key: String(run.at), label: run.run } };
}

// The axis, and where a value is drawn on it.
function scaled(curve, scale) {
  const values = runs.flatMap((run) => run.curves[curve.key].mean).filter(known);
  const tops = runs.flatMap((run) => run.curves[curve.key].high).filter(known);
  const top = Math.max(...values, ...tops);
  if (scale === 'log') {
    const floor = logFloor(values);
    const zero = values.includes(0);
    const axis = logAxis([...values, ...tops], floor);
    if (!zero) {
      axis.tickvals.shift();
      axis.ticktext.shift();
    }
    return { lift: (value) => Math.max(value, floor), axis };
  }
  const lows = runs.flatMap((run) => run.curves[curve.key].low).filter(known);
  const bottom = curve.key === 'accuracy' ? Math.min(...values, ...lows) : 0;
  const room = 0.06 * ((top - bottom) || 1);
  return { lift: (value) => value, axis: { range: [bottom - room, top + room],
    tickformat: curve.key === 'accuracy' ? '.0%' : undefined } };
}

function curvesChart(width, curve, state) {
  const { lift, axis } = scaled(curve, state.scale[curve.key]);
  const shown = runs.filter((run) => run.curves[curve.key].mean.some(known));
  const bands = state.bands === 'on' ? shown.map((run) => bandTrace(run, curve, lift)) : [];
  const longest = Math.max(...runs.map((run) => run.curves[curve.key].mean.length));
  return {
    data: [...bands, ...shown.map((run) => lineTrace(run, curve, lift))],
    layout: { xaxis: wholeAxis(width, Array.from({ length: longest }, (_, round) => round),
      { title: { text: 'round', standoff: 6 } }),
    yaxis: { title: { text: curve.axis }, ...axis }, margin: { l: 64, r: 16, t: 12, b: 46 } },
  };
}

function curvesTable(host, curve) {
  const longest = Math.max(...runs.map((run) => run.curves[curve.key].mean.length));
  const at = (run, round) => {
    const { mean: middle, low, high } = run.curves[curve.key];
    const last = Math.min(round, middle.length - 1);
    return known(middle[last]) ? { mean: middle[last], low: low[last], high: high[last] } : null;
  };
  const column = (run) => ({ head: run.run, number: true, value: (round) => at(run, round)?.mean,
    cell: (round) => estimateText(at(run, round), curve.write) });
  figures(host, `${curve.label} per round`, [numeric('Round', (round) => round),
    ...runs.map(column)], Array.from({ length: longest }, (_, round) => round));
}

function showCurves() {
  const host = body('curves');
  if (CURVES.length === 0) {
    host.append(note('No figures per round were measured.'));
    return;
  }
  const state = { curve: CURVES[0], bands: runs.length <= MOST_BANDS && seeds.length > 1 ? 'on'
    : 'off', scale: Object.fromEntries(CURVES.map(({ key, scale }) => [key, scale ?? 'linear'])) };
  const scale = el('span');
  const inside = el('div');
  const redraw = () => {
    const { curve } = state;
    scale.replaceChildren(...(curve.scale ? [choice('Axis', [['log', 'Logarithmic'],
      ['linear', 'Linear']], state.scale[curve.key], (chosen) => {
      state.scale[curve.key] = chosen;
      drawn.draw();
    })] : []));
    drawn.node.setAttribute('aria-label', `${curve.label} per round, a line for each run`);
    drawn.draw();
    inside.replaceChildren();
    curvesTable(inside, curve);
  };
  const metric = select(CURVES.map(({ key, label }) => [key, label]), state.curve.key, (key) => {
    state.curve = CURVES.find((curve) => curve.key === key);
    redraw();
  });
  const bands = choice('Bands', [['on', 'Bands'], ['off', 'No bands']], state.bands, (chosen) => {
    state.bands = chosen;
    drawn.draw();
  });
  host.append(el('div', { class: 'controls' }, labelled('Figure', metric), scale,
    seeds.length > 1 ? bands : null));
  const drawn = chart(host, 'Figures per round', 440,
    (colours, width) => curvesChart(width, state.curve, state));
  host.append(inside);
  redraw();
}
