// The attacks on the protocol, and the table of all cells.

function showProtocol() {
  const host = body('protocol');
  if (protocol.length === 0) {
    host.append(note('No attacks on the protocol were run.'));
    return;
  }
  const rows = protocol.map((row) => ({ ...row, error: row.error.map(errorOf) }));
  const wrong = (head, value) => ({ head, value, number: true,
    cell: (row) => (value(row) ? el('span', { class: 'bad' }, count(value(row))) : '0') });
  table(host, { label: 'Attacks on the protocol', rows, columns: [
    plain('Attack', (row) => row.attack),
    numeric('Runs', (row) => row.runs),
    errors('Mean error', (row) => row.error[0]),
    errors('Worst error', (row) => row.error[1]),
    numeric('Liars found', (row) => row.recall, percent),
    wrong('Honest isolated', (row) => row.honest_isolated),
    wrong('Honest convicted', (row) => row.honest_convicted),
    numeric('Agreed', (row) => row.agreed, percent),
  ] });
}

// All cells

const gainOf = (run) => (run.best ? run.error - run.best.error : null);
const isCellLost = (run) => run.best !== null && isLost(run.error, run.best.error);
const attackText = (run) => (run.liars > 0 ? run.attack : MISSING);

function accuracyColumns() {
  if (!runs.some((run) => run.accuracy)) return [];
  return [
    numeric('Accuracy', (run) => run.accuracy?.resolved, percent),
    numeric('Without liars', (run) => run.accuracy?.clean, percent),
    numeric('Best rule’s', (run) => run.accuracy?.rules[0], percent),
    numeric('Worst rule’s', (run) => run.accuracy?.rules[1], percent),
  ];
}

// One cell as a run of its own.
function runColumn() {
  if (!runCell) return [];
  return [{ head: 'Run', cell: (run) => el('button', { type: 'button', class: 'plain',
    'aria-label': `Run this cell alone: ${attackText(run)}, liars ${run.share}, seed ${run.seed}`,
    onclick: () => runCell(run) }, 'Run') }];
}

function cellColumns() {
  return [
    plain('Attack', attackText), ...runColumn(), ...placeColumns, { head: 'Seed', number: true,
      value: (run) => seeds.indexOf(run.seed), cell: (run) => run.seed },
    { ...errors('Error', (run) => run.error),
      cell: (run) => judged(run.error, run.best?.error) },
    { ...errors('Best rule here', (run) => run.best?.error), cell: (run) => namedError(run.best),
      title: 'Of all rules told f, the best one in this very cell' },
    { head: 'Ours − best', value: gainOf, number: true, cell: (run) => signed(gainOf(run)) },
    errors('Plain mean', (run) => run.mean),
    errors('Floor', (run) => run.floor),
    numeric('Found', (run) => (run.liars > 0 ? run.recall : null), share),
    numeric('Liars’ weight', (run) => run.weight, percent),
    numeric('Honest isolated', (run) => run.honest_isolated),
    numeric('Convicted', (run) => run.convicted[0]),
    numeric('Honest convicted', (run) => run.convicted[1]),
    { ...numeric('Agreed from', (run) => run.converged),
      title: 'The round from which all honest replicas hold one state' },
    { ...numeric('Isolated from', (run) => run.isolated),
      title: 'The round from which all honest replicas isolate the final set' },
    { head: 'Agreed', value: (run) => Number(run.agreed),
      cell: (run) => (run.agreed ? 'yes' : el('span', { class: 'bad' }, 'no')) },
    numeric('Trust bytes', (run) => run.trust_bytes, (value) => quantity(value, 3)),
    ...accuracyColumns(),
    ...ruleNames.map((name) => errors(name, (run) => run.rules[name])),
  ];
}

const FILTERS = [
  ['Attack', 'attack', attacks], ['Liars', 'share', shares], ...AXES.map(([axis, name, values]) =>
    [name, axis, values]),
];

function showCells() {
  const host = body('cells');
  const wanted = { lost: false };
  const controls = FILTERS.filter(([, , values]) => values.length > 1)
    .map(([label, axis, values]) => labelled(label, select(
      [['', 'all'], ...values.map((value, index) => [String(index), String(value)])], '',
      (index) => { wanted[axis] = index === '' ? undefined : values[Number(index)]; change(); })));
  const box = el('input', { type: 'checkbox',
    onchange: () => { wanted.lost = box.checked; change(); } });
  const text = caption();
  host.append(el('div', { class: 'controls' }, controls, labelled('Only lost', box)), text);
  const matches = (run) => (!wanted.lost || isCellLost(run))
    && FILTERS.every(([, axis]) => wanted[axis] === undefined || run[axis] === wanted[axis]
      || (axis === 'attack' && run.liars === 0));
  const change = () => { draw(); announce(text.textContent); };
  const listed = table(host, { label: 'All cells', rows: runs, columns: cellColumns() });
  const draw = () => {
    const rows = runs.filter(matches);
    const lost = rows.filter(isCellLost).length;
    text.textContent = `${plural(rows.length, 'cell')} of ${count(runs.length)}; ${count(lost)} `
      + 'behind the best of all rules in that very cell.';
    listed.show(rows);
  };
  draw();
}
