// What was run, what came out, and where it is lost against rules that are told how many lie.

const compared = groups.filter((group) => group.ruleMean);
const attacked = compared.filter((group) => group.liars > 0);

const lostByMean = (group) => isLost(group.mean, group.ruleMean.error);
const lostByWorst = (group) => isLost(group.worst.error, group.ruleWorst.error);
const without = (lost) => attacked.filter((group) => !lost(group)).length;

function tally(level) {
  const kind = level * 2 >= attacked.length ? 'ok' : 'bad';
  return el('span', { class: kind }, `${count(level)} of ${count(attacked.length)}`);
}

function verdict() {
  if (attacked.length === 0) return 'No run with attacks on the model and rules to compare with';
  return ['Not told how many lie, Espalier’s trust is level with the best rule that is told, or '
    + 'ahead of it, in ', tally(without(lostByMean)), ` ${attacked.length === 1 ? 'setting' : 'settings'} `
    + 'by mean error and in ', tally(without(lostByWorst)), ' by worst error'];
}

function lede() {
  const axes = [
    plural(attacks.length, 'attack'),
    `liars ${shares.join(', ')}`,
    `spread ${unique(config.spreads).join(', ')}`,
    `network ${unique(config.topologies).join(', ')}`,
    `${unique(config.nodes).join(', ')} nodes`,
    `seeds ${seeds.length > 4 ? `${seeds[0]} to ${seeds.at(-1)}` : seeds.join(', ')}`,
  ];
  return `${plural(runs.length, 'run')} merging ${config.model}: ${axes.join('; ')}. `
    + 'A setting is a number of nodes, a spread, a network and a share of liars.';
}

function errorTiles() {
  if (attacked.length === 0) return [];
  const ruleMean = mean(attacked.map((group) => group.ruleMean.error));
  const plainMean = mean(attacked.map((group) => overAttacks(group, (run) => run.mean)?.mean));
  const most = (look) => attacked.map(look).reduce((a, b) => (b.error > a.error ? b : a));
  const [ours, rule] = [most((group) => group.worst), most((group) => group.ruleWorst)];
  return [
    tile('Mean error', errorText(mean(attacked.map((group) => group.mean))),
      `best rules told f ${errorText(ruleMean)}, plain mean ${errorText(plainMean)}`),
    tile('Worst error', errorText(ours.error), `${ours.name}; best rules told f `
      + errorText(rule.error)),
  ];
}

function tiles() {
  const found = mean(groups.map((group) => group.recall));
  const agreed = runs.filter((run) => run.agreed).length;
  return el('dl', { class: 'tiles' }, ...errorTiles(),
    tile('Harmful liars found', share(found), 'of those who moved the plain mean'),
    tile('Honest nodes isolated', percent(mean(groups.map((group) => group.honest_isolated))),
      'mean over all settings'),
    tile('Replicas agreed', share(agreed / runs.length),
      `in ${count(agreed)} of ${plural(runs.length, 'run')}`),
    tile('Settings', count(groups.length), `${plural(attacks.length, 'attack')} in each`));
}

function groupTable(host) {
  const errorColumn = (head, value, pair, title) => errors(head, value,
    { title, cell: (group) => (pair ? namedError(pair(group)) : errorText(value(group))) });
  const rate = (head, value, title) => ({ ...numeric(head, value, percent), title });
  const columns = [...placeColumns,
    { ...errors('Mean error', (group) => group.mean, { title: 'Ours, over all attacks' }),
      cell: (group) => judged(group.mean, group.ruleMean?.error) },
    errorColumn('Best rule by mean', (group) => group.ruleMean?.error, (group) => group.ruleMean,
      'The rule of least mean error in this setting, told f'),
    { ...errors('Worst error', (group) => group.worst.error, { title: 'Ours, and the attack' }),
      cell: (group) => [quiet(group.liars ? group.worst.name : ''), ' ',
        judged(group.worst.error, group.ruleWorst?.error)] },
    errorColumn('Best rule by worst', (group) => group.ruleWorst?.error,
      (group) => group.ruleWorst, 'The rule of least worst error in this setting, told f'),
    errorColumn('Floor', (group) => group.floor, null, 'sqrt(f / (n − 2f))'),
    rate('Found', (group) => group.recall, 'Share of the harmful liars that were isolated'),
    rate('Liars’ weight', (group) => group.weight, 'Their share of the final weight'),
    rate('Honest isolated', (group) => group.honest_isolated, 'Share of the honest nodes'),
    { head: 'Runs that isolate honest nodes', number: true,
      value: ({ isolating: { hits, runs: all } }) => hits / Math.max(1, all),
      cell: ({ isolating: { hits, runs: all, low, high } }) => `${hits} of ${all}`
        + (all < 10 ? '' : ` (${percent(low)} to ${percent(high)})`),
      title: 'With the 95 % interval of the rate' },
    { ...numeric('Rounds', (group) => group.rounds, (value) => quantity(value, 3)),
      title: 'Mean rounds until all honest replicas isolated the final set' },
    rate('Agreed', (group) => group.agreed, 'Share of the runs'),
    { head: 'Accuracy lost', number: true, value: (group) => group.loss?.[0],
      cell: ({ loss }) => (loss ? [quiet(loss[1]), ' ', percent(loss[0])] : MISSING),
      title: 'The greatest against the run without liars, and the attack' }];
  const measured = groups.some((group) => known(group.loss));
  table(host, { label: 'Figures of every setting', rows: groups,
    columns: measured ? columns : columns.slice(0, -1) });
}

// One rule for all settings, as somebody would have to choose it beforehand.
function ruleRow(name, look) {
  const rows = attacked.map((group) => ({ group, found: overAttacks(group, look) }))
    .filter(({ found }) => found);
  const ahead = (ours, theirs) => rows.filter((row) => isLost(theirs(row), ours(row))).length;
  return { name, settings: rows.length,
    mean: mean(rows.map(({ found }) => found.mean)),
    worst: rows.length ? Math.max(...rows.map(({ found }) => found.worst.error)) : null,
    byMean: ahead(({ group }) => group.mean, ({ found }) => found.mean),
    byWorst: ahead(({ group }) => group.worst.error, ({ found }) => found.worst.error) };
}

function ruleTable(host) {
  const rows = [
    { ...ruleRow('ours, not told f', (run) => run.error), byMean: null, byWorst: null },
    ruleRow('plain mean', (run) => run.mean),
    ...ruleNames.map((name) => ruleRow(name, (run) => run.rules[name])),
  ];
  table(host, { label: 'Ours against each rule over all settings', rows, columns: [
    plain('Rule', (row) => row.name), numeric('Settings', (row) => row.settings),
    errors('Mean error', (row) => row.mean), errors('Worst error', (row) => row.worst),
    { ...numeric('Ours ahead by mean', (row) => row.byMean), title: 'Number of settings' },
    { ...numeric('Ours ahead by worst', (row) => row.byWorst), title: 'Number of settings' },
  ] });
}

function commandLine() {
  const given = (flag, values) => `--${flag} ${quoted(values.join(','))}`;
  const { model, profile, retrain, attest } = config;
  return ['espalier byzantine', given('model', [model]), given('nodes', config.nodes),
    given('spread', config.spreads), given('topology', config.topologies),
    given('byzantine', config.shares), given('attack', config.attacks),
    profile ? given('profile', [profile]) : null,
    retrain ? given('retrain', [`${retrain.every}:${retrain.times}`]) : null,
    attest ? null : '--no-attest',
    `--seeds ${seeds.length}`, `--seed ${seeds[0]}`,
    config.seeds_without_liars.length ? `--honest-seeds ${config.seeds_without_liars.length}` : null,
  ].filter(known);
}

function showHeader() {
  const host = body('summary');
  host.append(el('p', { class: 'verdict' }, verdict()), el('p', { class: 'lede' }, lede()),
    tiles());
  if (groups.length === 0) {
    host.append(note('No attacks on the model were run; see the attacks on the protocol below.'));
  } else {
    host.append(el('h3', {}, 'Every setting'));
    const lost = compared.filter(lostByMean).length + compared.filter(lostByWorst).length;
    host.append(caption(lost ? [tag('bad', 'lost'), 'stands where the best rule told f has the '
      + `smaller error: ${count(lost)} of ${plural(compared.length * 2, 'figure')}.`]
      : 'Ours is nowhere behind the best rule told f.'));
    groupTable(host);
  }
  if (attacked.length) host.append(folded('Ours against each rule over all settings', ruleTable));
  host.append(el('h3', {}, 'Run it again'), commandBlock(commandLine()));
}
