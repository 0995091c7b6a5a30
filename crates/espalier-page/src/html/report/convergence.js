// The convergence chart: distance, trust and the number of states over one axis of rounds.

const MANY_ROUNDS = rounds.length > 60;

function distanceTraces(colours, scale) {
  const values = rounds.map((round) => round.mean_pairwise_l2);
  const some = values.filter(known);
  if (some.length === 0) return { traces: [], axis: { visible: false } };
  const log = scale === 'log';
  const floor = logFloor(some);
  const trace = {
    x: roundNumbers, y: values.map((value) => (log && value === 0 ? floor : value)),
    yaxis: 'y2', text: values.map((value) => quantity(value)), mode: 'lines+markers',
    line: { color: colours.ink, width: 3 },
    marker: { size: MANY_ROUNDS ? 4 : 7,
      color: values.map((value) => (value === 0 ? colours.panel : colours.ink)),
      line: { color: colours.ink, width: 2 } },
    hovertemplate: 'mean pairwise L2: <b>%{text}</b><br>round %{x}<extra></extra>',
    meta: { key: 'distance', label: 'mean pairwise L2 (left)' },
  };
  const top = Math.max(...some);
  const axis = log ? logAxis(some, floor) : { range: [-0.03 * (top || 1), 1.06 * (top || 1)] };
  return { traces: [trace], axis: { title: { text: 'mean pairwise L2' }, ...axis } };
}

const trustOf = (node) => rounds.map((round) => round.trust[node]?.overall ?? null);

function trustLine(name, ys, style, meta) {
  return {
    ...strung([{ name, ys }], roundNumbers), mode: 'lines', ...style, meta,
    hovertemplate: '%{text}: trust <b>%{y:.3f}</b><br>round %{x}<extra></extra>',
  };
}

function roleOf(name) {
  const roles = [];
  if (isolatedNow.has(name)) roles.push('isolated');
  if (lateNames.has(name)) roles.push('late');
  if (shownAsByzantine(name)) roles.push('Byzantine');
  return roles;
}

function fewTrustLines() {
  return sampled.map((name, node) => {
    const roles = roleOf(name);
    const width = isolatedEver.has(name) || shownAsByzantine(name) ? 2.6 : 1.4;
    const label = roles.length ? `${name} (${roles.join(', ')})` : name;
    return trustLine(label, trustOf(node), { line: { ...lineOf(node), width } },
      { key: `node ${node}`, label });
  });
}

function manyTrustLines(colours) {
  const styles = {
    other: { color: colours.quiet, width: 0.8, label: 'other nodes' },
    isolated: { color: colours.bad, width: 1.5, label: 'isolated nodes' },
    liar: { color: colours.note, width: 1.5, dash: 'dot', label: 'Byzantine, not isolated' },
  };
  const groups = { other: [], isolated: [], liar: [] };
  sampled.forEach((name, node) => {
    const kind = isolatedEver.has(name) ? 'isolated' : shownAsByzantine(name) ? 'liar' : 'other';
    groups[kind].push({ name, ys: trustOf(node) });
  });
  return Object.entries(groups).filter(([, lines]) => lines.length).map(([kind, lines]) => {
    const { label, ...line } = styles[kind];
    return { ...trustLine('', [], { line, opacity: kind === 'other' ? 0.75 : 1 },
      { key: kind, label: `trust: ${label}` }), ...strung(lines, roundNumbers) };
  });
}

function stateTrace(colours) {
  const states = rounds.map((round) => round.distinct_states);
  return {
    x: roundNumbers, y: states, yaxis: 'y3', mode: 'lines+markers',
    line: { color: colours.accent, width: 2, shape: 'hvh' },
    marker: { color: colours.accent, size: MANY_ROUNDS ? 1 : 4 },
    fill: 'tozeroy', fillcolor: colours.band,
    hovertemplate: '<b>%{y}</b> different states<br>round %{x}<extra></extra>',
    meta: { key: 'states', label: 'different states (below)' },
  };
}

const MOST_NUMBERED = 14;
const ALWAYS_NUMBERED = ['partition', 'heal', 'join'];

// Vertical marks, numbered as in the list below the chart. Where there are too many, the lesser
// ones are only ticks at the top.
function eventMarks(colours, groups) {
  const shapes = partitions().map(({ from, until }) => ({
    type: 'rect', layer: 'below', yref: 'paper', x0: from, x1: until, y0: 0, y1: 1,
    fillcolor: colours.shade, line: { width: 0 },
  }));
  const annotations = [];
  groups.forEach(({ round, kinds }, index) => {
    const important = kinds.some((kind) => ALWAYS_NUMBERED.includes(kind));
    const small = groups.length > MOST_NUMBERED && !important;
    shapes.push({ type: 'line', layer: 'below', yref: 'paper', x0: round, x1: round,
      y0: small ? 0.975 : 0, y1: 1,
      line: { color: colours.muted, width: 1, dash: small ? 'solid' : 'dot' } });
    if (small) return;
    annotations.push({ x: round, y: 1, yref: 'paper', yanchor: 'bottom', showarrow: false,
      text: String(index + 1), font: { size: 11, color: colours.ink }, bgcolor: colours.sunken,
      borderpad: 2 });
  });
  return { shapes, annotations };
}

function eventList(groups) {
  if (groups.length === 0) return caption('No partitions, late nodes, crashes or isolations.');
  return el('ol', { class: 'events', 'aria-label': 'Events', tabindex: 0 },
    groups.map(({ round, lines }, index) => el('li', {},
      el('b', {}, String(index + 1)), `Round ${round}: ${lines.join('; ')}`)));
}

function convergenceTable(host) {
  figures(host, 'Convergence per round', [
    numeric('Round', (round) => round.round),
    numeric('Mean pairwise L2', (round) => round.mean_pairwise_l2, quantity),
    numeric('Different states', (round) => round.distinct_states),
    numeric('Least trust', (round) => spread(round.trust.map((t) => t.overall)).least, unit),
    numeric('Mean trust', (round) => mean(round.trust.map((t) => t.overall)), unit),
    { head: 'Isolated', wide: true, cell: (round) => listed(round.isolated, 12) || 'nobody' },
  ], rounds);
}

function showConvergence() {
  const host = body('convergence');
  const groups = eventRounds();
  const measured = rounds.some((round) => known(round.mean_pairwise_l2));
  const state = { scale: 'log' };
  // With no node sampled there is nothing to draw above the number of states.
  const onlyStates = !measured && sampled.length === 0;
  const build = (colours, width) => {
    const { traces, axis } = distanceTraces(colours, state.scale);
    const many = sampled.length > MOST_LINES;
    const trust = many ? manyTrustLines(colours) : fewTrustLines();
    const narrow = width < 520;
    const states = rounds.map((round) => round.distinct_states);
    return {
      data: [...trust, ...traces, stateTrace(colours)],
      layout: {
        ...eventMarks(colours, groups),
        xaxis: roundAxis(width, { anchor: 'y3' }),
        yaxis: { domain: [0.31, 1], range: [-0.04, 1.06], tickvals: [0, 0.25, 0.5, 0.75, 1],
          side: measured ? 'right' : 'left', showgrid: !measured, visible: !onlyStates,
          title: { text: 'trust' } },
        // Over the axis of trust, so that the distance is drawn over the many lines of trust.
        yaxis2: { domain: [0.31, 1], overlaying: 'y', side: 'left', ...axis },
        yaxis3: { domain: [0, onlyStates ? 1 : 0.2], range: [0, Math.max(...states, 2) * 1.12],
          nticks: 4, title: { text: narrow ? 'states' : 'different<br>states' } },
        margin: { l: 64, r: narrow ? 46 : 60, t: 30, b: 42 },
      },
    };
  };
  if (measured) {
    host.append(el('div', { class: 'controls' }, 'Distance axis',
      choice('Distance axis', [['log', 'Logarithmic'], ['linear', 'Linear']], state.scale,
        (scale) => { state.scale = scale; drawn.draw(); })));
  } else {
    host.append(note('The distance between the models was not measured in this run.'));
  }
  const drawn = chart(host, 'Mean pairwise L2 distance, trust per node and number of different '
    + 'states, per round', onlyStates ? 220 : 500, build);
  harness.listeners.push(drawn.draw);
  host.append(eventList(groups));
  convergenceTable(host);
}
