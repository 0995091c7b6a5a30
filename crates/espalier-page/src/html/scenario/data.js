// The scenario and what follows from it at once: its runs, its simulations and their figures.

const source = document.getElementById('report');
const { scenario, results, summaries } = JSON.parse(source.textContent);

// Written out as they stand: a seed may be larger than what a number here holds exactly.
const seeds = (/"seeds":\[([^\]]*)\]/.exec(source.textContent)?.[1] ?? '').split(',');

// A simulation: run by run, each with all seeds in their order.
const simulations = results.map((result, index) => ({ ...result, index,
  seed: seeds[index % seeds.length], order: index % seeds.length,
  at: Math.floor(index / seeds.length) }));

const runs = summaries.map((summary, at) => ({ ...summary, at,
  config: scenario.runs[at].config,
  simulations: simulations.filter((simulation) => simulation.at === at) }));

const converged = (simulation) => known(simulation.rounds_to_converge);
const unmerged = (simulation) => known(simulation.no_model);
const few = (value) => quantity(value, 3);
const fixed = (value) => (known(value) ? value.toFixed(2) : MISSING);

// `write` is for single values, `average` for means where these are written otherwise. `partial`:
// over the converged simulations alone. `dull`: not worth a column if nothing is greater.
const ALL_FIGURES = [
  { key: 'rounds_to_converge', head: 'Rounds to converge', write: few, average: fixed,
    partial: true },
  { key: 'sent_bytes', head: 'Bytes sent', write: bytes },
  { key: 'bytes_over_optimum', head: 'Bytes over the least', write: few, average: fixed,
    partial: true },
  { key: 'final_accuracy', head: 'Final accuracy', write: percent },
  { key: 'distinct_states', head: 'States at the end', write: few, average: fixed, dull: 1 },
  { key: 'isolated', head: 'Isolated nodes', write: few, average: fixed, dull: 0 },
  { key: 'honest_isolated', head: 'Honest nodes isolated', write: few, average: fixed, dull: 0 },
  { key: 'recall', head: 'Liars found', write: percent },
  { key: 'precision', head: 'Liars among the isolated', write: percent },
].map((figure) => ({ average: figure.write, ...figure }));

const liarsThere = simulations.some(({ liars }) => liars > 0);
const says = ({ key, dull }) => runs.some(({ figures: { [key]: figure } }) =>
  figure && (dull === undefined || figure.max > dull || (dull === 0 && liarsThere)));
const FIGURES = ALL_FIGURES.filter(says);

// The figure of one simulation, as it enters the mean.
const valueOf = ({ key, partial }, simulation) =>
  (partial && !converged(simulation) ? null : simulation[key]);

const halfOf = ({ mean: middle, high }) => (known(high) ? high - middle : null);

function estimateText(figure, write) {
  if (!figure) return MISSING;
  const half = halfOf(figure);
  return known(half) ? `${write(figure.mean)} ± ${write(half)}` : write(figure.mean);
}

// Mean and interval, and below it the range.
function estimateCell(figure, { write, average }) {
  if (!figure) return MISSING;
  if (figure.n === 1) return write(figure.mean);
  const range = `${write(figure.min)} to ${write(figure.max)}`;
  return [estimateText(figure, average), el('span', { class: 'range' },
    figure.min === figure.max ? 'all equal' : range)];
}

const convergedText = (run) => (run.converged === run.seeds ? `all ${count(run.seeds)}`
  : [tag('bad', 'not all'), `${count(run.converged)} of ${count(run.seeds)}`]);
const runColumn = { head: 'Run', value: (row) => row.at ?? 0, cell: (row) => nameText(row.run) };
