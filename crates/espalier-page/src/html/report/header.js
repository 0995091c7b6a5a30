// The outcome in words, the key figures, and what it takes to run it again.

function verdict() {
  const { converged, rounds_to_converge: round } = summary;
  if (converged) {
    const when = known(round) ? ` in round ${round}` : '';
    const number = honestCount();
    const all = number === 1 ? 'the one honest node holds its state'
      : `all ${count(number)} honest nodes hold one state`;
    return [el('span', { class: 'ok' }, `Converged${when}:`), ` ${all}`];
  }
  const states = plural(lastRound?.distinct_states ?? 0, 'different state');
  return [el('span', { class: 'bad' }, 'Not converged:'),
    ` ${states} after ${plural(lastNumber, 'round')}`];
}

function lede() {
  const byzantine = byzantineNames.length ? `, ${count(byzantineNames.length)} of them Byzantine`
    : '';
  const shape = model.parameters
    ? ` (${plural(model.parameters, 'parameter')} in ${plural(model.tensors, 'tensor')})` : '';
  return `${plural(report.nodes.length, 'node')}${byzantine}, over the topology ${topology.name}, `
    + `merging ${model.family}${shape} for ${plural(lastNumber, 'round')}. Seed ${seed}.`;
}

function roundsTile() {
  const bounds = `theory: ${count(topology.rounds_lower)} to ${count(topology.rounds_upper)}`;
  const round = summary.rounds_to_converge;
  return tile('Rounds to converge', count(round), known(round) ? bounds : `not reached; ${bounds}`);
}

function accuracyTile() {
  if (!known(summary.final_accuracy)) {
    return tile('Final accuracy', MISSING, 'this model family has no test part');
  }
  const { greatest } = spread(model.alone_accuracy ?? []);
  const beside = known(greatest)
    ? `best alone ${percent(greatest)}, mean alone ${percent(mean(model.alone_accuracy))}`
    : 'of the merged model';
  return tile('Final accuracy', percent(summary.final_accuracy), beside);
}

function bytesTile() {
  const over = summary.bytes_over_optimum;
  const beside = known(over) ? `${quantity(over, 3)} × the least possible` : 'by all nodes';
  return tile('Bytes sent', bytes(summary.sent_bytes), beside);
}

function detectionTile() {
  if (!summary.detection) return null;
  const { recall, precision } = summary.detection;
  return tile('Byzantine nodes found', share(recall), 'recall; ',
    `precision ${share(precision)}, ${plural(byzantineNames.length, 'liar')}`);
}

function tiles() {
  const isolated = summary.isolated;
  return el('dl', { class: 'tiles' }, roundsTile(), accuracyTile(), bytesTile(),
    tile('Exchanges', count(summary.exchanges), `over ${plural(lastNumber, 'round')}`),
    tile('Isolated nodes', count(isolated.length),
      isolated.length ? listed(isolated, 4) : 'nobody is left out'),
    detectionTile());
}

function hashFacts() {
  const facts = [
    ['Final state', hashButton(summary.final_state_hash)],
    ['Merged model', hashButton(summary.final_model_hash)],
    ['Policy', hashButton(report.policy_hash)],
    ['Seed', el('code', {}, seed)],
  ];
  return el('dl', { class: 'facts' }, facts.map(([name, value]) =>
    [el('dt', {}, name), el('dd', {}, value)]));
}

// The flags of this run, each with its value.
function commandLine() {
  const parts = ['espalier simulate'];
  for (const word of JSON.parse(source.dataset.flags)) {
    if (word.startsWith('--')) parts.push(word);
    else parts.push(`${parts.pop()} ${quoted(word)}`);
  }
  return parts;
}

function configTable(host) {
  const rows = Object.entries(report.config);
  const write = ([, value]) => (known(value) ? typeof value === 'string' ? value
    : JSON.stringify(value) : 'not set');
  table(host, { label: 'Configuration', rows, columns: [
    { head: 'Setting', cell: ([key]) => key },
    { head: 'Value', cell: write, wide: true },
  ] });
}

function showHeader() {
  document.title = `Espalier: ${summary.converged ? 'converged' : 'not converged'}, `
    + `${plural(report.nodes.length, 'node')}, ${topology.name}`;
  body('summary').append(
    el('p', { class: 'verdict' }, verdict()),
    el('p', { class: 'lede' }, lede()),
    tiles(),
    el('h3', {}, 'Run it again'),
    commandBlock(commandLine()),
    hashFacts(),
    folded('The whole configuration', configTable),
  );
}
