// Two runs side by side, with the same axes.

const SIDES = ['A', 'B'];

const FIGURES_COMPARED = [
  ['Status', (run) => run.status],
  ['Rounds so far', (run) => count(run.lastNumber)],
  ['Rounds to converge', (run) => count(run.summary.rounds_to_converge)],
  ['Different states', (run) => count(run.lastRound?.distinct_states)],
  ['Mean pairwise L2', (run) => quantity(run.lastRound?.mean_pairwise_l2)],
  ['Final accuracy', (run) => percent(run.summary.final_accuracy)],
  ['Bytes sent', (run) => bytes(run.summary.sent_bytes)],
  ['Isolated nodes', (run) => count(run.summary.isolated?.length)],
  ['Liars found', (run) => share(run.summary.detection?.recall)],
];

const settingText = (value) => (known(value) ? typeof value === 'object' ? JSON.stringify(value)
  : String(value) : 'not set');

// The settings in which two configurations differ: [name, a, b].
function settingsApart(a, b) {
  return Object.keys({ ...a, ...b }).filter((key) => !same(a[key], b[key]))
    .map((key) => [key, settingText(a[key]), settingText(b[key])]);
}

// What differs first, then the figures of both.
function differences(host, runs) {
  const rows = () => [
    ...settingsApart(runs[0].report.config, runs[1].report.config),
    ...FIGURES_COMPARED.map(([name, text]) => [name, ...runs.map(text)]),
  ];
  const shown = table(host, { label: 'What differs between the two runs', rows: rows(), columns: [
    { head: 'What', cell: ([name]) => name },
    ...SIDES.map((side, at) => ({ head: side, wide: true, cell: (row) => row[at + 1] })),
  ] });
  return () => shown.update(rows());
}

// Sections of both sides in one order, each with the letter of its side.
function markSide(root, side) {
  [...root.querySelectorAll('[data-section]')].forEach((section, at) => {
    section.style.order = at;
    section.querySelector('h2').prepend(el('span', { class: 'side-mark' }, side), ' ');
  });
}

// Sections of two runs in one grid: what belongs together stands side by side, or one below the
// other where there is no room.
function pairOf(host, ids) {
  const runs = ids.map((id) => newRun(serverSource(id)));
  const table = el('div');
  const grid = el('div', { class: 'pair' });
  const views = [];
  const settings = newSettings();
  const roots = SIDES.map((side) => el('div',
    { class: 'half', role: 'group', 'aria-label': `Run ${side}` }, sectionsOf()));
  const links = sectionLinks(roots[0]);
  roots.forEach((root, at) => markSide(root, SIDES[at]));
  grid.append(...roots);
  host.replaceChildren(table, links, grid);
  const update = differences(table, runs);
  let waiting = 0;
  const follow = () => {
    if (waiting === 0) waiting = setTimeout(() => { waiting = 0; update(); }, LEAST_PAUSE_MS);
  };
  runs.forEach((run, at) => {
    run.onchange(follow);
    views.push(viewsOf(run, roots[at], { lazy: true, together: runs, settings }));
  });
  const streams = runs.map((run, at) => streamInto(run, ids[at]));
  return {
    runs,
    refresh: () => views.forEach((view) => view.refresh()),
    close() {
      clearTimeout(waiting);
      for (const stream of streams) stream.close();
      for (const view of views) view.dispose();
      host.replaceChildren();
      redrawCharts();
    },
  };
}

// Runs A once more with one setting changed.
function variantForm({ info }, first, start) {
  const fields = Object.values(fieldsOf(info)).flat().map(fieldOf);
  const place = el('span', { class: 'place' });
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  let field = null;
  const choose = (key) => {
    field = fields.find((each) => each.key === key);
    field.control.write(first() ?? info.defaults);
    place.replaceChildren(field.node);
  };
  const setting = select(fields.map(({ key, label }) => [key, label]), 'topology', choose);
  choose('topology');
  const go = async () => {
    const config = first();
    problem.hidden = true;
    try {
      if (!config) throw new Error('Choose run A first.');
      await start({ ...config, ...field.control.read() });
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  };
  return el('details', { class: 'group', ontoggle: () => choose(setting.value) },
    el('summary', {}, 'Run A again with one setting changed'),
    el('div', { class: 'controls' }, labelled('Setting', setting), place,
      el('button', { type: 'button', class: 'primary', onclick: go }, 'Run and compare')), problem);
}

// Returns { choose(ids), shown(), refresh() }.
function showCompare(host, page, list) {
  const chosen = SIDES.map((side) => fragment.get(side.toLowerCase()));
  const result = el('div');
  let pair = null;
  const pickers = SIDES.map((side, at) => el('select', { onchange: (event) => {
    chosen[at] = event.target.value || null;
    show();
  } }));
  const config = () => list.runs.find(({ id }) => id === chosen[0])?.config;

  function fillPickers() {
    pickers.forEach((picker, at) => {
      const fitting = list.runs.filter(({ status }) => !['waiting', 'failed'].includes(status));
      const options = [['', 'Choose a run…'], ...fitting.map((run) =>
        [run.id, `${describe(run.config)}, seed ${run.config.seed}`])];
      if (!same(options, picker.options.length && picker.listed)) {
        picker.listed = options;
        picker.replaceChildren(...options.map(([value, text]) => el('option', { value }, text)));
      }
      picker.value = chosen[at] ?? '';
    });
  }

  function show() {
    pair?.close();
    pair = null;
    SIDES.forEach((side, at) => fragment.set(side.toLowerCase(), chosen[at]));
    fillPickers();
    if (chosen.every(Boolean)) pair = pairOf(result, chosen);
    else result.replaceChildren(note('Choose two runs, or run a variant of the first.'));
  }

  const start = async (variant) => {
    const run = await api('POST', '/runs', { config: variant });
    await list.refresh();
    chosen[1] = run.id;
    show();
  };
  host.append(el('div', { class: 'controls' },
    pickers.map((picker, at) => labelled(SIDES[at], picker))),
  variantForm(page, config, start), result);
  list.onchange(fillPickers);
  show();
  return {
    // The first empty place, else B.
    choose(id) {
      const at = chosen[0] === null || chosen[0] === id ? 0 : 1;
      if (chosen[at] === id) return;
      chosen[at] = id;
      show();
    },
    refresh: () => pair?.refresh(),
  };
}
