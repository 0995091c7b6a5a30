// What was asked, what came out, and every run in a line.

const MOST_REMARKS = 40;

function verdict() {
  const all = simulations.length;
  const done = simulations.filter(converged).length;
  const bare = simulations.filter(unmerged).length;
  const kind = done === all && bare === 0 ? 'good' : 'bad';
  const said = done === all ? `All ${plural(all, 'simulation')} converged.`
    : `${count(done)} of ${plural(all, 'simulation')} converged.`;
  const without = bare ? ` ${count(bare)} of them ended without a merged model.` : '';
  return el('span', { class: kind }, said + without);
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

// The run that converges soonest and the one that does so latest, or never.
function extremeTiles() {
  if (runs.length < 2) return [];
  const when = (run) => run.figures.rounds_to_converge?.mean ?? Infinity;
  const most = runs.reduce((a, b) => (when(b) > when(a) ? b : a));
  const least = runs.reduce((a, b) => (when(b) < when(a) ? b : a));
  const one = (name, run) => {
    const partly = run.converged && run.converged < run.seeds
      ? `, over ${count(run.converged)} of ${plural(run.seeds, 'seed')}` : '';
    return tile(name, run.converged ? fixed(when(run)) : 'never', `rounds: ${run.run}${partly}`);
  };
  return [one('Soonest', least), one('Latest', most)];
}

function tiles() {
  const done = simulations.filter(converged).length;
  return el('dl', { class: 'tiles' },
    tile('Runs', count(runs.length), `with ${plural(seeds.length, 'seed')} each: ${seedsText()}`),
    tile('Converged', share(done / simulations.length),
      `${count(done)} of ${plural(simulations.length, 'simulation')}`),
    extremeTiles());
}

// What is to be known of each run, and with how many of its seeds.
function remarks() {
  const all = runs.flatMap((run) => {
    const tally = new Map();
    for (const { no_model: none, not_judged: why, notes } of run.simulations) {
      const said = [known(none) ? `no merged model: ${none}` : null,
        known(why) ? `not judged: ${why}` : null, ...notes ?? []];
      for (const text of said.filter(known)) tally.set(text, (tally.get(text) ?? 0) + 1);
    }
    return [...tally].map(([text, seeds]) => el('li', {}, nameText(run.run),
      ` (${plural(seeds, 'seed')}): ${text}`));
  });
  const shown = all.slice(0, MOST_REMARKS);
  if (all.length > shown.length) {
    shown.push(el('li', {}, `and ${count(all.length - shown.length)} more in scenario.json`));
  }
  return shown.length ? el('ul', { class: 'remarks', 'aria-label': 'Notes' }, shown) : null;
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
  host.append(caption(seeds.length === 1 ? 'One seed, so there are no intervals.'
    : 'Means over the seeds ± half of the 95 % confidence interval; below it the range.',
  some ? ' Rounds to converge and bytes over the least are over the simulations that converged: '
    + 'the others would add to them.' : ''));
  runTable(host);
  const told = remarks();
  if (told) host.append(told);
  host.append(el('h3', {}, 'Run it again and compare'),
    commandBlock(['espalier verify', 'scenario.json']));
}
