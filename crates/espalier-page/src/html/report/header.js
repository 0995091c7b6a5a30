// The outcome in words, the key figures, and what it takes to run it again.

function verdict(run) {
  const { converged, rounds_to_converge: round } = run.summary;
  if (converged) {
    const when = known(round) ? ` in round ${round}` : '';
    const number = honestCount(run);
    const all = number === 1 ? 'the one honest node holds its state'
      : `all ${count(number)} honest nodes hold one state`;
    const none = run.summary.no_model;
    if (known(none)) {
      return [el('span', { class: 'bad' }, `Converged${when}, but nothing is merged:`), ` ${none}`];
    }
    return [el('span', { class: 'ok' }, `Converged${when}:`), ` ${all}`];
  }
  const states = plural(run.lastRound?.distinct_states ?? 0, 'different state');
  const so = run.status === 'running' ? [el('span', {}, 'Running:')]
    : [el('span', { class: 'bad' }, run.status === 'stopped' ? 'Stopped:' : 'Not converged:')];
  return [...so, ` ${states} after ${plural(run.lastNumber, 'round')}`];
}

function lede(run) {
  const { report, topology, model, byzantineNames } = run;
  const byzantine = byzantineNames.length ? `, ${count(byzantineNames.length)} of them Byzantine`
    : '';
  const shape = model.parameters
    ? ` (${plural(model.parameters, 'parameter')} in ${plural(model.tensors, 'tensor')})` : '';
  return `${plural(report.nodes.length, 'node')}${byzantine}, over the topology ${topology.name}, `
    + `merging ${familyText(model.family)}${shape} for ${plural(run.lastNumber, 'round')}. Seed ${run.seed}.`;
}

function roundsTile({ topology, summary, ended }) {
  const bounds = `theory: ${count(topology.rounds_lower)} to ${count(topology.rounds_upper)}`;
  const round = summary.rounds_to_converge;
  return tile('Rounds to converge', count(round), known(round) ? bounds
    : `not reached${ended ? '' : ' yet'}; ${bounds}`);
}

const NOT_COMPUTED = 'not computed: no node was sampled';

// Why the merged model has no accuracy.
function withoutAccuracy({ summary, model, ended, sampled }) {
  if (!known(model.base_accuracy)) return 'this model family has no test part';
  if (!ended) return 'available at the end';
  return sampled.length === 0 ? NOT_COMPUTED : known(summary.no_model) ? 'nothing is merged'
    : 'the merged model cannot be judged';
}

function accuracyTile(run) {
  const { summary, model } = run;
  if (!known(summary.final_accuracy)) {
    return tile('Final accuracy', MISSING, withoutAccuracy(run));
  }
  const { greatest } = spread(model.alone_accuracy ?? []);
  const beside = known(greatest)
    ? `best alone ${percent(greatest)}, mean alone ${percent(mean(model.alone_accuracy))}`
    : 'of the merged model';
  return tile('Final accuracy', percent(summary.final_accuracy), beside);
}

function bytesTile({ summary }) {
  const over = summary.bytes_over_optimum;
  const beside = known(over) ? `${quantity(over, 3)} × the least possible` : 'by all nodes';
  return tile('Bytes sent', bytes(summary.sent_bytes), beside);
}

function detectionTile({ summary, byzantineNames }) {
  if (!summary.detection) return null;
  const { recall, precision } = summary.detection;
  return tile('Byzantine nodes found', share(recall), 'recall; ',
    known(precision) ? `precision ${share(precision)}, ` : 'nobody isolated, ',
    plural(byzantineNames.length, 'liar'));
}

function isolatedTile(run) {
  const { isolated, not_judged: why } = run.summary;
  const name = 'Isolated nodes';
  if (!known(isolated)) return tile(name, MISSING, run.ended ? NOT_COMPUTED : 'not known yet');
  const names = listed(isolated.map((node) => run.label(node)), 4);
  if (!known(why)) return tile(name, count(isolated.length), names || 'nobody is left out');
  return isolated.length ? tile(name, count(isolated.length), `${names}; the others were not `
    + `judged: ${why}`) : tile(name, MISSING, `not judged: ${why}`);
}

function tiles(run) {
  const { summary } = run;
  return el('dl', { class: 'tiles' }, roundsTile(run), accuracyTile(run), bytesTile(run),
    tile('Exchanges', count(summary.exchanges), `over ${plural(run.lastNumber, 'round')}`),
    isolatedTile(run), detectionTile(run));
}

// The root of the merged model, or why there is none.
function modelFact({ summary, ended, sampled }) {
  if (known(summary.final_model_hash)) return hashButton(summary.final_model_hash);
  if (known(summary.no_model)) return `none: ${summary.no_model}`;
  return ended && sampled.length === 0 ? NOT_COMPUTED : MISSING;
}

function hashFacts(run) {
  const { summary, report, seed } = run;
  const facts = [
    ['Final state', hashButton(summary.final_state_hash)],
    ['Merged model', modelFact(run)],
    ['Policy', hashButton(report.policy_hash)],
    ['Seed', el('code', {}, seed)],
  ];
  return el('dl', { class: 'facts' }, facts.map(([name, value]) =>
    [el('dt', {}, name), el('dd', {}, value)]));
}

// The flags of this run, each with its value.
// What was uploaded to a server is a file elsewhere.
const fileOf = (word) => (word.startsWith(UPLOAD) ? 'YOUR-FILE.safetensors' : word);

function commandLine(flags) {
  const parts = ['espalier simulate'];
  for (const word of flags) {
    if (word.startsWith('--')) parts.push(word);
    else parts.push(`${parts.pop()} ${quoted(fileOf(word))}`);
  }
  return parts;
}

function configTable(host, config) {
  const rows = Object.entries(config);
  const write = ([, value]) => (known(value) ? typeof value === 'string' ? value
    : JSON.stringify(value) : 'not set');
  table(host, { label: 'Configuration', rows, columns: [
    { head: 'Setting', cell: ([key]) => key },
    { head: 'Value', cell: write, wide: true },
  ] });
}

// What a reader should know about the models and what became of them.
function remarks(run) {
  if (run.remarks.length === 0) return [];
  return [el('ul', { class: 'remarks', 'aria-label': 'Notes' },
    run.remarks.map((remark) => el('li', {}, remark)))];
}

const titleOf = (run) => `Espalier: ${run.summary.converged ? 'converged' : 'not converged'}, `
  + `${known(run.summary.no_model) ? 'nothing merged, ' : ''}`
  + `${plural(run.report.nodes.length, 'node')}, ${run.topology.name}`;

function showHeader({ run }, host) {
  const outcome = el('div');
  const facts = el('div');
  const update = () => {
    outcome.replaceChildren(el('p', { class: 'verdict' }, verdict(run)),
      el('p', { class: 'lede' }, lede(run)), ...remarks(run), tiles(run));
    // A hash that has the focus keeps it: before the end there is nothing new to show.
    if (run.ended || !facts.hasChildNodes()) facts.replaceChildren(hashFacts(run));
  };
  update();
  host.append(outcome, el('h3', {}, 'Run it again'), commandBlock(commandLine(run.flags)), facts,
    folded('The whole configuration', (inside) => configTable(inside, run.report.config)));
  return update;
}
