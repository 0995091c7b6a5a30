// Task accuracy: the merged models next to each node's own.

// Dots for the nodes' own models.
function aloneDots({ model, sampled }, colours, at) {
  const alone = (model.alone_accuracy ?? [])
    .map((value, node) => ({ name: sampled[node] ?? '', value }))
    .filter(({ value }) => known(value));
  return { x: alone.map(() => at), y: alone.map(({ value }) => value), mode: 'markers',
    text: alone.map(({ name }) => inert(name)),
    marker: { color: colours.late, size: 8, opacity: 0.6 },
    meta: { key: 'alone', label: 'each node alone' },
    hovertemplate: '%{text} alone: %{y:.1%}<extra></extra>' };
}

function accuracyBand({ roundNumbers }, colours, perRound) {
  const line = (part) => perRound.map((values) => values[part]);
  const band = { x: roundNumbers, mode: 'lines', hoverinfo: 'skip', line: { width: 0 } };
  const meta = { key: 'band', label: 'worst to best merged' };
  return [
    { ...band, y: line('least'), meta: { key: 'band' } },
    { ...band, y: line('greatest'), fill: 'tonexty', fillcolor: colours.band,
      line: { width: 0, color: colours.calm }, meta },
    { x: roundNumbers, y: line('middle'), mode: 'lines+markers', marker: { size: 5 },
      line: { color: colours.accent, width: 3 }, meta: { key: 'middle', label: 'median merged' },
      hovertemplate: 'median merged: %{y:.1%}<br>round %{x}<extra></extra>' },
  ];
}

function accuracyLines(run) {
  if (run.sampled.length > MOST_LINES) return [];
  return run.sampled.flatMap((name, node) => (run.isByzantine(name) ? [] : [{
    ...strung([{ name, ys: series(run, 'task_accuracy', node) }],
      run.roundNumbers), mode: 'lines',
    line: { ...lineOf(node), width: 1.2 }, meta: { key: `node ${node}`, label: name },
    hovertemplate: '%{text}: %{y:.1%}<br>round %{x}<extra></extra>' }]));
}

function accuracyLayout(view, colours, width, at, values) {
  const { model } = view.run;
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.01, (greatest - least) * 0.08);
  const axis = roundAxis(view, width);
  const numbers = roundSpan(view);
  const first = Math.ceil(numbers[0] / axis.dtick) * axis.dtick;
  const ticks = [];
  for (let tick = first; tick <= numbers.at(-1); tick += axis.dtick) ticks.push(tick);
  return {
    xaxis: { ...axis, tickvals: [at, ...ticks], ticktext: ['alone', ...ticks], tickmode: 'array',
      range: [at - (numbers[0] - at) * 0.6, axis.range[1]] },
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

const accuracyPerRound = (run) => run.rounds.map((round) =>
  spread(honestActive(run, round).map((node) => round.task_accuracy[node])));

function missingAccuracy({ run }) {
  if (accuracyPerRound(run).some((values) => known(values.middle))) return null;
  return known(run.summary.final_accuracy) || known(run.model.base_accuracy)
    ? 'The accuracy of the single nodes was not measured in this run.'
    : 'Not available: this model family comes without a test part on which accuracy could be '
      + 'measured.';
}

// The accuracies that must fit on the axis, of every run next to this one.
function accuracyValues(view, range) {
  const merged = across(view, (run) =>
    accuracyPerRound(run).flatMap((values) => [values.least, values.greatest]));
  if (range !== 'all') return merged.filter(known);
  const alone = across(view, ({ model }) => [...(model.alone_accuracy ?? []),
    model.base_accuracy]);
  return [...merged, ...alone].filter(known);
}

function accuracyTable({ run }, host) {
  return figures(host, 'Accuracy per round', [
    numeric('Round', ({ round }) => round),
    numeric('Worst', ({ values }) => values.least, percent),
    numeric('Median', ({ values }) => values.middle, percent),
    numeric('Best', ({ values }) => values.greatest, percent),
  ], () => accuracyPerRound(run).map((values, index) =>
    ({ round: run.roundNumbers[index], values })));
}

function showAccuracy(view, host) {
  const { run } = view;
  const build = (colours, width) => {
    const numbers = roundSpan(view);
    const at = numbers[0] - Math.max(1, (numbers.length * 46) / Math.max(width - 76, 100));
    const perRound = accuracyPerRound(run);
    return { data: [...accuracyBand(run, colours, perRound), ...accuracyLines(run),
      aloneDots(run, colours, at)],
    layout: accuracyLayout(view, colours, width, at, accuracyValues(view, range.value())) };
  };
  const range = settingChoice(view, 'range', 'Range',
    [['all', 'Everything'], ['merged', 'Merged models only']], () => drawn.draw());
  host.append(range.controls);
  const drawn = chart(host, 'Accuracy of the merged models per round, next to each node alone',
    380, build);
  const table = accuracyTable(view, host);
  return () => {
    drawn.draw();
    table();
  };
}
