// The convergence chart: distance, trust and the number of states over one axis of rounds.

const MANY_ROUNDS = 60;

const distances = (run) => run.rounds.map((round) => round.mean_pairwise_l2);

function distanceTraces(view, colours, scale) {
  const { run } = view;
  const values = distances(run);
  const some = across(view, distances).filter(known);
  if (some.length === 0) return { traces: [], axis: { visible: false } };
  const log = scale === 'log';
  const floor = logFloor(some);
  const trace = {
    x: run.roundNumbers, y: values.map((value) => (log && value === 0 ? floor : value)),
    yaxis: 'y2', text: values.map((value) => quantity(value)), mode: 'lines+markers',
    line: { color: colours.ink, width: 3 },
    marker: { size: values.length > MANY_ROUNDS ? 4 : 7,
      color: values.map((value) => (value === 0 ? colours.panel : colours.ink)),
      line: { color: colours.ink, width: 2 } },
    hovertemplate: 'mean pairwise L2: %{text}<br>round %{x}<extra></extra>',
    meta: { key: 'distance', label: 'mean pairwise L2 (left)' },
  };
  const top = Math.max(...some);
  const axis = log ? logAxis(some, floor) : { range: [-0.03 * (top || 1), 1.06 * (top || 1)] };
  return { traces: [trace], axis: { title: { text: 'mean pairwise L2' }, ...axis } };
}

const trustOf = (run, node) => run.rounds.map((round) => round.trust[node]?.overall ?? null);

function trustLine(run, lines, style, meta) {
  return {
    ...strung(lines, run.roundNumbers), mode: 'lines', ...style, meta,
    hovertemplate: '%{text}: trust %{y:.3f}<br>round %{x}<extra></extra>',
  };
}

function fewTrustLines(view) {
  const { run } = view;
  return run.sampled.map((name, node) => {
    const roles = rolesOf(view, name);
    const width = run.isolatedEver.has(name) || shownAsByzantine(view, name) ? 2.6 : 1.4;
    const label = roles.length ? `${run.label(name)} (${roles.join(', ')})` : run.label(name);
    return trustLine(run, [{ name: label, ys: trustOf(run, node) }],
      { line: { ...lineOf(node), width } }, { key: `node ${node}`, label });
  });
}

function manyTrustLines(view, colours) {
  const { run } = view;
  const styles = {
    other: { color: colours.quiet, width: 0.8, label: 'other nodes' },
    isolated: { color: colours.bad, width: 1.5, label: 'isolated nodes' },
    liar: { color: colours.note, width: 1.5, dash: 'dot', label: 'Byzantine, not isolated' },
  };
  const groups = { other: [], isolated: [], liar: [] };
  run.sampled.forEach((name, node) => {
    const kind = run.isolatedEver.has(name) ? 'isolated'
      : shownAsByzantine(view, name) ? 'liar' : 'other';
    groups[kind].push({ name, ys: trustOf(run, node) });
  });
  return Object.entries(groups).filter(([, lines]) => lines.length).map(([kind, lines]) => {
    const { label, ...line } = styles[kind];
    return trustLine(run, lines, { line, opacity: kind === 'other' ? 0.75 : 1 },
      { key: kind, label: `trust: ${label}` });
  });
}

const distinctStates = (run) => run.rounds.map((round) => round.distinct_states);

function stateTrace(run, colours) {
  const states = distinctStates(run);
  return {
    x: run.roundNumbers, y: states, yaxis: 'y3', mode: 'lines+markers',
    line: { color: colours.accent, width: 2, shape: 'hvh' },
    marker: { color: colours.accent, size: states.length > MANY_ROUNDS ? 1 : 4 },
    fill: 'tozeroy', fillcolor: colours.band,
    hovertemplate: '%{y} different states<br>round %{x}<extra></extra>',
    meta: { key: 'states', label: 'different states (below)' },
  };
}

const MOST_NUMBERED = 14;
const ALWAYS_NUMBERED = ['partition', 'heal', 'join'];

// Vertical marks, numbered as in the list below the chart. Where there are too many, the lesser
// ones are only ticks at the top.
function eventMarks(run, colours, groups) {
  const shapes = partitions(run).map(({ from, until }) => ({
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

function eventList(run, groups) {
  if (groups.length === 0) {
    return caption(run.rounds.some(({ isolated }) => known(isolated))
      ? 'No partitions, late nodes, crashes or isolations.'
      : 'No partitions, late nodes or crashes; isolations were not computed.');
  }
  return el('ol', { class: 'events', 'aria-label': 'Events', tabindex: 0 },
    groups.map(({ round, lines }, index) => el('li', {},
      el('b', {}, String(index + 1)), `Round ${round}: ${lines.join('; ')}`)));
}

// Made anew only when there are more events, so that it keeps its place.
function growingEvents({ run }, host) {
  const node = el('div');
  let told = -1;
  host.append(node);
  return () => {
    if (run.report.events.length === told) return;
    told = run.report.events.length;
    node.replaceChildren(eventList(run, eventRounds(run)));
  };
}

function isolatedText(run, { isolated }) {
  if (!known(isolated)) return 'not computed';
  return listed(isolated.map((name) => run.label(name)), 12) || 'nobody';
}

function convergenceTable({ run }, host) {
  return figures(host, 'Convergence per round', [
    numeric('Round', (round) => round.round),
    numeric('Mean pairwise L2', (round) => round.mean_pairwise_l2, quantity),
    numeric('Different states', (round) => round.distinct_states),
    numeric('Least trust', (round) => spread(round.trust.map((t) => t.overall)).least, unit),
    numeric('Mean trust', (round) => mean(round.trust.map((t) => t.overall)), unit),
    { head: 'Isolated', wide: true, cell: (round) => isolatedText(run, round) },
  ], () => run.rounds);
}

function convergenceLayout(view, colours, width, { axis, measured, onlyStates }) {
  const narrow = width < 520;
  const most = Math.max(...across(view, distinctStates), 2);
  return {
    ...eventMarks(view.run, colours, eventRounds(view.run)),
    xaxis: roundAxis(view, width, { anchor: 'y3' }),
    yaxis: { domain: [0.31, 1], range: [-0.04, 1.06], tickvals: [0, 0.25, 0.5, 0.75, 1],
      side: measured ? 'right' : 'left', showgrid: !measured, visible: !onlyStates,
      title: { text: 'trust' } },
    // Over the axis of trust, so that the distance is drawn over the many lines of trust.
    yaxis2: { domain: [0.31, 1], overlaying: 'y', side: 'left', ...axis },
    yaxis3: { domain: [0, onlyStates ? 1 : 0.2], range: [0, most * 1.12],
      nticks: 4, title: { text: narrow ? 'states' : 'different<br>states' } },
    margin: { l: 64, r: narrow ? 46 : 60, t: 30, b: 42 },
  };
}

function showConvergence(view, host) {
  const { run } = view;
  const measured = run.rounds.some((round) => known(round.mean_pairwise_l2));
  // With no node sampled there is nothing to draw above the number of states.
  const onlyStates = !measured && run.sampled.length === 0;
  const build = (colours, width) => {
    const { traces, axis } = distanceTraces(view, colours, scale.value());
    const trust = run.sampled.length > MOST_LINES ? manyTrustLines(view, colours)
      : fewTrustLines(view);
    return { data: [...trust, ...traces, stateTrace(run, colours)],
      layout: convergenceLayout(view, colours, width, { axis, measured, onlyStates }) };
  };
  const scale = settingChoice(view, 'scale', 'Distance axis',
    [['log', 'Logarithmic'], ['linear', 'Linear']], () => drawn.draw());
  host.append(measured ? scale.controls
    : note('The distance between the models was not measured in this run.'));
  const drawn = chart(host, 'Mean pairwise L2 distance, trust per node and number of different '
    + 'states, per round', onlyStates ? 220 : 500, build);
  const events = growingEvents(view, host);
  const table = convergenceTable(view, host);
  events();
  return () => [drawn.draw, events, table].forEach((update) => update());
}
