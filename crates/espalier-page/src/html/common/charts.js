// Plotly charts in the page's colours, with legends that wrap and can be reached by keyboard.

// Okabe and Ito's colours without black and yellow, which fail on one of the two grounds.
const LINE_COLOURS = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00'];
const LINE_DASHES = ['solid', 'dash', 'dot'];
// Above this many nodes a colour each tells nobody anything.
const MOST_LINES = 16;

// Dragging on a touch screen must scroll the page, not select a part of the chart.
const TOUCH = window.matchMedia('(pointer: coarse)').matches;

const CONFIG = {
  displayModeBar: TOUCH ? false : 'hover',
  responsive: true,
  displaylogo: false,
  showEditInChartStudio: false,
  showSendToCloud: false,
  plotlyServerURL: '',
  modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d', 'sendDataToCloud'],
};

function theme() {
  const style = getComputedStyle(document.documentElement);
  const names = ['ink', 'muted', 'rule', 'grid', 'panel', 'sunken', 'accent', 'calm', 'bad',
    'note', 'late', 'quiet', 'off', 'off-mark', 'band', 'shade', 'sans', 'mono'];
  return Object.fromEntries(names.map((name) =>
    [name.replace('-', ''), style.getPropertyValue(`--${name}`).trim()]));
}

// Plotly reads a small markup and, in some texts, placeholders; names must not be able to use them.
const inert = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  .replaceAll('>', '&gt;').replaceAll('%{', '%&#123;');

// A name as it fits at an axis.
function tickName(name) {
  return inert(name.length > 14 ? `${name.slice(0, 13)}…` : name);
}

const lineOf = (index) => ({
  color: LINE_COLOURS[index % LINE_COLOURS.length],
  dash: LINE_DASHES[Math.floor(index / LINE_COLOURS.length) % LINE_DASHES.length],
});

// What draws each chart that is in the document.
const charts = new Map();

// `build(theme, width)` gives { data, layout }. A trace with `meta: { key, label }` gets a legend
// entry; traces of one key share it. Returns { draw, node }.
function chart(host, label, height, build) {
  const node = el('div', { class: 'plot', role: 'img', 'aria-label': label,
    style: { height: `${height}px` } });
  const legend = el('div', { class: 'legend', role: 'group', 'aria-label': 'Lines to show' });
  host.append(node, legend);
  const hidden = new Set();
  let entries = '';

  function toggle(key) {
    if (!hidden.delete(key)) hidden.add(key);
    draw();
  }

  function draw() {
    // A page may show before the library is there; what is folded away has no width.
    if (!window.Plotly || node.clientWidth === 0) return;
    const colours = theme();
    const { data, layout } = build(colours, node.clientWidth);
    for (const trace of data) {
      trace.showlegend = false;
      if (hidden.has(trace.meta?.key)) trace.visible = false;
    }
    Plotly.react(node, data, laidOut(colours, layout), CONFIG);
    const shown = entriesOf(data, hidden, colours);
    if (shown === entries) return;
    entries = shown;
    const focused = legend.contains(document.activeElement) ? document.activeElement.dataset.key
      : null;
    legend.replaceChildren(...legendEntries(data, hidden, toggle));
    [...legend.children].find((entry) => entry.dataset.key === focused)?.focus();
  }

  charts.set(node, draw);
  draw();
  return { draw, node };
}

function laidOut(colours, layout) {
  const axis = { gridcolor: colours.grid, linecolor: colours.rule, zeroline: false,
    tickcolor: colours.rule, fixedrange: TOUCH, automargin: true };
  const own = {};
  for (const [name, value] of Object.entries(layout)) {
    if (!/^[xy]axis/.test(name)) own[name] = value;
    else own[name] = { ...axis, ...value, title: { standoff: 8, ...value.title } };
  }
  return {
    font: { family: colours.sans, size: 12, color: colours.muted },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    margin: { l: 56, r: 16, t: 26, b: 42 },
    hoverlabel: { bgcolor: colours.panel, bordercolor: colours.rule,
      font: { color: colours.ink, family: colours.sans, size: 12.5 }, align: 'left' },
    dragmode: TOUCH ? false : 'zoom',
    hovermode: 'closest',
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: colours.quiet, activecolor: colours.accent },
    ...own,
  };
}

const DASH_ARRAYS = { dash: '7 4', dot: '2 3' };

function swatch(trace) {
  const picture = svg('svg', { width: 20, height: 10, 'aria-hidden': 'true' });
  if (trace.type === 'bar' || trace.mode === 'markers') {
    const fill = trace.meta.colour ?? trace.marker.color;
    picture.append(svg('rect', { x: 5, y: 0, width: 10, height: 10, rx: 2, fill }));
    return picture;
  }
  const { color, width, dash } = trace.line;
  picture.append(svg('line', { x1: 0, x2: 20, y1: 5, y2: 5, stroke: color,
    'stroke-width': Math.max(2, width ?? 2), 'stroke-dasharray': DASH_ARRAYS[dash] }));
  return picture;
}

// The first trace of each key.
function keyedTraces(data) {
  const keyed = new Map();
  for (const trace of data) {
    if (trace.meta?.label && !keyed.has(trace.meta.key)) keyed.set(trace.meta.key, trace);
  }
  return keyed;
}

// What a legend shows, as one text: it is made anew only if that changes.
const entriesOf = (data, hidden, colours) => JSON.stringify([colours.ink,
  [...keyedTraces(data)].map(([key, { meta }]) => [key, meta.label, hidden.has(key)])]);

function legendEntries(data, hidden, toggle) {
  return [...keyedTraces(data)].map(([key, trace]) => el('button', {
    type: 'button', 'aria-pressed': String(!hidden.has(key)), 'data-key': key,
    title: trace.meta.label, onclick: () => toggle(key),
  }, swatch(trace), el('span', {}, trace.meta.label)));
}

// 1, 2 or 5 times a power of ten, at least `least`.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-12)));
  return power * [1, 2, 5, 10].find((step) => step * power >= least * 0.999);
}

// An axis of whole numbers, as many as fit.
function wholeAxis(width, numbers, extra = {}) {
  const fit = Math.max(2, (width - 90) / 38);
  const step = Math.max(1, niceStep(numbers.length / fit));
  return {
    tick0: 0, dtick: step, tickangle: 0, showgrid: false,
    range: [(numbers[0] ?? 0) - 0.5, (numbers.at(-1) ?? 0) + 0.5], ...extra,
  };
}

// Zero has no place on a logarithmic axis: it is drawn one decade below the least value.
function logFloor(values) {
  const positive = values.filter((value) => value > 0);
  if (positive.length === 0) return 0.1;
  return 10 ** (Math.floor(Math.log10(Math.min(...positive))) - 1);
}

// Not with plotly's markup for it: that becomes a style attribute, which a policy may forbid.
const raised = (text) =>
  [...text].map((sign) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(sign)]).join('');

function decade(value) {
  const power = Math.round(Math.log10(value));
  return Math.abs(power) <= 3 ? String(value) : `10${raised(String(power))}`;
}

function logAxis(values, floor) {
  const top = Math.ceil(Math.log10(Math.max(...values, floor * 10)) + 0.02);
  const bottom = Math.round(Math.log10(floor));
  const step = Math.max(1, Math.ceil((top - bottom) / 7));
  const ticks = [];
  for (let power = bottom + 1; power <= top; power += step) ticks.push(10 ** power);
  return {
    type: 'log', tickvals: [floor, ...ticks], ticktext: ['0', ...ticks.map(decade)],
    range: [bottom - 0.25, top + 0.1],
  };
}

// Ticks at round numbers of the binary unit that suits `greatest`.
function byteAxis(greatest, extra = {}) {
  const power = greatest >= 1 ? Math.floor(Math.log2(greatest) / 10) : 0;
  const scale = 1024 ** power;
  const step = Math.max(niceStep(greatest / scale / 5), power === 0 ? 1 : 0) * scale;
  const ticks = [];
  for (let tick = 0; tick <= greatest * 1.05 + step * 0.5; tick += step) ticks.push(tick);
  return {
    tickvals: ticks,
    ticktext: ticks.map((tick) => `${Number((tick / scale).toPrecision(6))} ${UNITS[power]}`),
    range: [0, Math.max(greatest * 1.07, 1)], ...extra,
  };
}

// One trace through many lines, with a gap after each.
function strung(lines, xs) {
  const trace = { x: [], y: [], text: [] };
  for (const { name, ys } of lines) {
    trace.x.push(...xs, null);
    trace.y.push(...ys, null);
    trace.text.push(...xs.map(() => inert(name)), '');
  }
  return trace;
}

function redrawCharts() {
  for (const [node, draw] of charts) {
    if (node.isConnected) draw();
    else forgetChart(node);
  }
}

function forgetChart(node) {
  charts.delete(node);
  window.Plotly?.purge(node);
}

function followTheme() {
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawCharts);
  // Paper is white whatever the screen is.
  const print = (on) => {
    document.documentElement.toggleAttribute('data-print', on);
    redrawCharts();
  };
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));
  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener('resize', () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redrawCharts, 150);
  });
}
