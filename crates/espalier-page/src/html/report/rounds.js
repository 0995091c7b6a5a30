// The axes of a run: its rounds and its nodes.

// The rounds of all that is shown together. While a run goes on, those that it is to have.
function roundSpan({ together }) {
  const last = (run) => (run.ended || run.report.config.until_converged ? run.lastNumber
    : (run.report.config.rounds ?? 0));
  const first = Math.min(...together.flatMap((run) => run.roundNumbers.slice(0, 1)));
  const end = Math.max(...together.map(last));
  return Number.isFinite(first) ? Array.from({ length: end - first + 1 }, (_, at) => first + at)
    : [];
}

const roundAxis = (view, width, extra = {}) =>
  wholeAxis(width, roundSpan(view), { title: { text: 'round', standoff: 6 }, ...extra });

// The values of every run that is shown next to this one, so that their axes are the same.
const across = ({ together }, values) => together.flatMap(values);

// The axis of nodes for heat maps: the first at the top, labels thinned to what fits.
function nodeAxis({ sampled }, height) {
  const step = Math.max(1, niceStep(sampled.length / (height / 15)));
  const shown = sampled.map((_, node) => node).filter((node) => node % step === 0);
  return { tickvals: shown, ticktext: shown.map((node) => tickName(sampled[node])),
    range: [sampled.length - 0.5, -0.5], showgrid: false, ticks: '' };
}

const HEAT_MARGINS = { l: 60, r: 12, t: 28, b: 44 };

// Rows high enough to read for a few nodes, low enough to fit for many.
function rowsHeight(nodes) {
  const row = nodes <= 16 ? 27 : nodes <= 40 ? 15 : nodes <= 100 ? 9 : 5;
  return HEAT_MARGINS.t + HEAT_MARGINS.b + Math.max(nodes, 3) * row;
}

const missingSamples = ({ run }) => (run.sampled.length ? null
  : 'No node was sampled in this run, so there is nothing to show per node.');
