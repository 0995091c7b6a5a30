// Every simulation, and the settings in which the runs differ.

function showSimulations() {
  const host = body('simulations');
  const text = caption();
  const state = { run: '', open: false };
  const choose = select([['', 'all'], ...runs.map((run) => [String(run.at), run.run])], '',
    (at) => { state.run = at; change(); });
  const box = el('input', { type: 'checkbox',
    onchange: () => { state.open = box.checked; change(); } });
  host.append(el('div', { class: 'controls' }, labelled('Run', choose),
    labelled('Only not converged', box)), text);
  const figure = (one) => ({ head: one.head, number: true, value: (row) => row[one.key],
    cell: (row) => (known(row[one.key]) ? one.write(row[one.key]) : MISSING) });
  const listed = table(host, { label: 'All simulations', rows: simulations, columns: [runColumn,
    { head: 'Seed', number: true, value: (row) => row.order, cell: (row) => row.seed },
    numeric('Rounds made', (row) => row.rounds),
    ...FIGURES.map(figure),
    hashed('Final state', (row) => row.final_state_hash),
    hashed('Merged model', (row) => row.final_model_hash),
  ] });
  const draw = () => {
    const rows = simulations.filter((row) => (state.run === '' || row.at === Number(state.run))
      && !(state.open && converged(row)));
    const open = rows.filter((row) => !converged(row)).length;
    text.textContent = `${plural(rows.length, 'simulation')} of ${count(simulations.length)}; `
      + `${count(open)} did not converge.`;
    listed.show(rows);
  };
  const change = () => { draw(); announce(text.textContent); };
  draw();
}

const written = (value) => {
  if (!known(value) || (Array.isArray(value) && value.length === 0)) return 'not set';
  return typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value)
    : [value].flat().join(', ');
};

function showSettings() {
  const host = body('settings');
  // The seed of a configuration does not count: the scenario has them.
  const keys = Object.keys(runs[0].config).filter((key) => key !== 'seed');
  const texts = (key) => new Set(runs.map((run) => JSON.stringify(run.config[key])));
  const differ = keys.filter((key) => texts(key).size > 1);
  const shared = keys.filter((key) => texts(key).size === 1);
  if (differ.length === 0) host.append(note('All runs have the same settings.'));
  else {
    table(host, { label: 'Settings that differ', rows: runs, columns: [runColumn,
      ...differ.map((key) => ({ head: key, wide: differ.length < 3,
        value: (run) => written(run.config[key]), cell: (run) => written(run.config[key]) }))] });
  }
  host.append(folded('Settings that all runs share', (inside) => table(inside, {
    label: 'Settings that all runs share', rows: shared, columns: [
      { head: 'Setting', cell: (key) => key },
      { head: 'Value', cell: (key) => written(runs[0].config[key]), wide: true },
    ] })));
}
