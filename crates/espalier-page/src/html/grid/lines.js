// Errors against the share of liars.

// The groups of the chosen setting, from few liars to many.
function groupsOfSetting() {
  return shares.map((liars) => groupAt.get(placeOf(placeFor(liars)))).filter(known)
    .sort((a, b) => a.liars - b.liars)
    .map((group) => ({ ...group, plain: overAttacks(group, (run) => run.mean) }));
}

const LINES = [
  { key: 'mean', label: 'ours, mean', colour: 'accent', width: 3.5, value: (at) => at.mean },
  { key: 'worst', label: 'ours, worst', colour: 'accent', width: 3.5, dash: 'dash',
    value: (at) => at.worst.error, name: (at) => at.worst.name },
  { key: 'rule mean', label: 'best rule told f, mean', colour: 'note', width: 2,
    value: (at) => at.ruleMean?.error, name: (at) => at.ruleMean?.name },
  { key: 'rule worst', label: 'best rule told f, worst', colour: 'note', width: 2, dash: 'dash',
    value: (at) => at.ruleWorst?.error, name: (at) => at.ruleWorst?.name },
  { key: 'floor', label: 'floor', colour: 'ink', width: 1.5, dash: 'dot',
    value: (at) => at.floor },
  { key: 'plain', label: 'plain mean, mean', colour: 'bad', width: 1.5,
    value: (at) => at.plain?.mean },
  { key: 'plain worst', label: 'plain mean, worst', colour: 'bad', width: 1.5, dash: 'dash',
    value: (at) => at.plain?.worst.error, name: (at) => at.plain?.worst.name },
];

const isDrawn = (value) => known(value) && Number.isFinite(value);

function lineTrace(colours, places, { key: name, label, colour, width, dash, ...line }) {
  const drawn = places.map((at) => (isDrawn(line.value(at)) ? line.value(at) : null));
  return { x: places.map((at) => (100 * at.liars) / at.nodes), y: drawn, mode: 'lines+markers',
    text: places.map((at) => (line.name?.(at) ? `<br>${inert(line.name(at))}` : '')),
    line: { color: colours[colour], width, dash }, marker: { size: width + 3 },
    hovertemplate: `${label}: %{y:.3f}<br>%{x:.3g} % liars%{text}<extra></extra>`,
    meta: { key: name, label } };
}

function linesChart(colours, places, range) {
  const fit = range === 'all' ? LINES : LINES.filter(({ colour }) => colour === 'accent'
    || colour === 'note');
  const top = Math.max(0.05, ...places.flatMap((at) => fit.map((line) => line.value(at)))
    .filter(isDrawn));
  return {
    data: LINES.map((line) => lineTrace(colours, places, line)),
    layout: { xaxis: { title: { text: 'share of liars' }, ticksuffix: ' %', showgrid: false,
      rangemode: 'tozero' },
    yaxis: { title: { text: 'error in honest spreads' }, range: [-0.03 * top, 1.08 * top] },
    margin: { l: 60, r: 16, t: 16, b: 46 } },
  };
}

function linesText(places) {
  const nothing = places.filter((at) => at.worst.error === Infinity)
    .map((at) => `${at.share} (${at.worst.name})`);
  const text = `Over all attacks on the model, ${settingText()}.`;
  return nothing.length ? `${text} Ours merged nothing at ${nothing.join(', ')}.` : text;
}

function showLines() {
  const host = body('shares');
  if (!groups.some((group) => group.liars > 0)) {
    host.append(note('No attacks on the model were run.'));
    return;
  }
  const state = { range: 'ours' };
  const text = caption();
  const inside = el('div');
  const ranges = [['ours', 'Ours and the best rules'], ['all', 'Everything']];
  host.append(el('div', { class: 'controls' }, settingControls(), choice('Range', ranges,
    state.range, (range) => { state.range = range; drawn.draw(); })), text);
  const drawn = chart(host, 'Errors against the share of liars', 420,
    (colours) => linesChart(colours, groupsOfSetting(), state.range));
  host.append(inside);
  const label = 'Errors by share of liars';
  const draw = () => {
    const places = groupsOfSetting();
    text.replaceChildren(linesText(places));
    inside.replaceChildren();
    figures(inside, label, [liarsColumn, ...LINES.map((line) => errors(
      capital(line.label), line.value,
      { cell: (at) => [quiet(line.name?.(at) ?? ''), ' ', errorText(line.value(at))] }))], places);
  };
  setting.listeners.push(draw, () => drawn.draw());
  draw();
}
