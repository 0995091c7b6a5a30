// One figure of all runs: means with intervals over the single simulations.

const ROW = 46;

// Where a simulation stands within its row: scattered, but the same at every look.
const scatter = (order) => 0.16 * Math.sin(2.4 * (order + 1));

function dotTraces(colours, figure) {
  const points = runs.flatMap((run) => run.simulations.map((simulation) =>
    ({ simulation, value: valueOf(figure, simulation) }))).filter(({ value }) => known(value));
  const single = { x: points.map(({ value }) => value), mode: 'markers',
    y: points.map(({ simulation: { at, order } }) => at + scatter(order)),
    text: points.map(({ simulation, value }) =>
      `${inert(simulation.run)}<br>seed ${simulation.seed}: ${figure.write(value)}`),
    hovertemplate: '%{text}<extra></extra>',
    marker: { size: 5, opacity: 0.45, color: points.map(({ simulation: { at } }) =>
      lineOf(at).color) }, meta: { key: 'single' } };
  const some = runs.filter((run) => run.figures[figure.key]);
  const estimates = some.map((run) => run.figures[figure.key]);
  const means = { x: estimates.map(({ mean: middle }) => middle), y: some.map((run) => run.at),
    mode: 'markers', text: some.map((run, index) =>
      `${inert(run.run)}<br>${estimateText(estimates[index], figure.average)}`),
    hovertemplate: '%{text}<extra></extra>',
    error_x: { type: 'data', array: estimates.map((one) => halfOf(one) ?? 0), thickness: 2,
      width: 6, color: colours.ink },
    marker: { size: 11, color: some.map((run) => lineOf(run.at).color),
      line: { color: colours.panel, width: 2 } }, meta: { key: 'mean' } };
  return [single, means];
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// Names stand over their rows: next to them there is no room on a narrow screen.
function rowNames(colours, figure, width) {
  const most = Math.max(12, Math.floor((width - 40) / 7));
  return runs.map((run) => {
    const open = figure.partial ? run.seeds - run.converged : 0;
    const beside = open ? ` (${open} of ${run.seeds} did not converge)` : '';
    return { x: 0, xref: 'paper', xanchor: 'left', y: run.at, yshift: 17, showarrow: false,
      text: `${inert(cut(run.run, Math.max(8, most - beside.length)))}`
        + `<span style="color:${colours.bad}">${beside}</span>`,
      font: { color: colours.ink, size: 12 } };
  });
}

// Ticks between two numbers of bytes that may be near each other, so not from 0 on.
function byteTicks([least, greatest]) {
  const power = Math.max(0, Math.floor(Math.log2(Math.max(greatest, 1)) / 10));
  const step = niceStep((greatest - least) / 1024 ** power / 4) * 1024 ** power;
  const first = Math.ceil(Math.max(least, 0) / step);
  const ticks = Array.from({ length: 8 }, (_, at) => (first + at) * step)
    .filter((tick) => tick <= greatest);
  return { tickvals: ticks, ticktext: ticks.map((tick) =>
    `${Number((tick / 1024 ** power).toPrecision(6))} ${UNITS[power]}`) };
}

function dotsChart(colours, width, figure) {
  const all = runs.flatMap((run) => run.figures[figure.key] ?? [])
    .flatMap((one) => [one.min, one.max, one.low ?? one.mean, one.high ?? one.mean]);
  const [least, greatest] = [Math.min(...all), Math.max(...all)];
  const room = 0.05 * ((greatest - least) || Math.abs(greatest) || 1);
  const range = [least - room, greatest + room];
  const xaxis = { range, ...(figure.key === 'sent_bytes' ? byteTicks(range)
    : { tickformat: figure.write === percent ? '.0%' : undefined }) };
  return { data: dotTraces(colours, figure),
    layout: { annotations: rowNames(colours, figure, width),
      xaxis: { title: { text: figure.head.toLowerCase() }, ...xaxis },
      yaxis: { range: [runs.length - 0.5, -0.75], visible: false },
      margin: { l: 12, r: 16, t: 12, b: 46 } } };
}

function showFigures() {
  const host = body('figures');
  const state = { figure: FIGURES[0] };
  const choose = select(FIGURES.map(({ key, head }) => [key, head]), state.figure.key, (key) => {
    state.figure = FIGURES.find((figure) => figure.key === key);
    drawn.draw();
  });
  host.append(el('div', { class: 'controls' }, labelled('Figure', choose)));
  const drawn = chart(host, 'One figure of all runs, means with intervals',
    70 + ROW * runs.length, (colours, width) => dotsChart(colours, width, state.figure));
}
