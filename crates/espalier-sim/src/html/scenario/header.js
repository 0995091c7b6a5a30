// What was asked, what came out, and every run in a line.

function verdict() {
  const all = simulations.length;
  const done = simulations.filter(converged).length;
  const kind = done === all ? 'good' : 'bad';
  const said = done === all ? `All ${plural(all, 'simulation')} converged.`
    : `${count(done)} of ${plural(all, 'simulation')} converged.`;
  return el('span', { class: kind }, said);
}

// Empty lines part paragraphs.
function about() {
  const paragraphs = scenario.description.split(/\n\s*\n/).map((text) => text.trim());
  return el('div', { class: 'about' }, paragraphs.filter((text) => text)
    .map((text) => el('p', {}, text)));
}

const seedsText = () => {
  const row = seeds.every((seed, at) => BigInt(seed) === BigInt(seeds[0]) + BigInt(at));
  if (seeds.length > 3 && row) return `${seeds[0]} to ${seeds.at(-1)}`;
  return seeds.length > 8 ? `${seeds.slice(0, 8).join(', ')} and more` : seeds.join(', ');
};

function extremeTiles() {
  const timed = runs.filter((run) => run.figures.rounds_to_converge && run.converged === run.seeds);
  if (timed.length < 2) return [];
  const mean = (run) => run.figures.rounds_to_converge.mean;
  const most = timed.reduce((a, b) => (mean(b) > mean(a) ? b : a));
  const least = timed.reduce((a, b) => (mean(b) < mean(a) ? b : a));
  return [tile('Soonest', fixed(mean(least)), `rounds: ${least.run}`),
    tile('Latest', fixed(mean(most)), `rounds: ${most.run}`)];
}

function tiles() {
  const done = simulations.filter(converged).length;
  return el('dl', { class: 'tiles' },
    tile('Runs', count(runs.length), `with ${plural(seeds.length, 'seed')} each: ${seedsText()}`),
    tile('Converged', share(done / simulations.length),
      `${count(done)} of ${plural(simulations.length, 'simulation')}`),
    extremeTiles());
}

function runTable(host) {
  const figure = (one) => ({ head: one.head, number: true,
    value: (run) => run.figures[one.key]?.mean, cell: (run) => estimateCell(run.figures[one.key],
      one), title: one.partial ? 'Over the simulations that converged' : undefined });
  table(host, { label: 'Every run over its seeds', rows: runs, columns: [runColumn,
    { head: 'Converged', number: true, value: (run) => run.converged, cell: convergedText },
    ...FIGURES.map(figure)] });
}

function showHeader() {
  document.title = `Espalier: ${scenario.title}`;
  const host = body('summary');
  host.append(el('p', { class: 'verdict' }, scenario.title), about(),
    el('p', { class: 'lede' }, verdict()), tiles(), el('h3', {}, 'Every run'));
  const some = runs.some((run) => run.converged < run.seeds);
  host.append(caption('Means over the seeds ± half of the 95 % confidence interval; below it the '
    + 'range.', some ? ' Rounds to converge and bytes over the least are over the simulations that '
    + 'converged: the others would add to them.' : ''));
  runTable(host);
  host.append(el('h3', {}, 'Run it again and compare'),
    commandBlock(['espalier verify', 'scenario.json']));
}
