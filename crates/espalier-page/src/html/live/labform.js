// The axes of a lab: attacks, shares of liars, spreads, networks, sizes and seeds.

const LAB_DEFAULTS = {
  model: 'synthetic:512',
  attacks: ['sign-flip', 'alie:1.5', 'scale', 'min-max:1', 'nan', 'equivocation'],
  shares: ['0', '20%', '34%', '45%'],
  spreads: ['iid', 'strong'], topologies: ['random'], nodes: [20], seeds: [1],
  profile: null, retrain: null, attest: true,
};
const LAB_NUMBERS = ['nodes', 'seeds'];

// A list of numbers as a text. What is no number stays text, which is then refused by name.
function numbersControl(key, placeholder) {
  const text = textControl(key, { list: true, placeholder });
  return { node: text.node, read: () => ({ [key]: text.read()[key].map(numberOr) }),
    write: text.write };
}

function labFields(info) {
  const [least, most] = info.limits.cell_nodes;
  return [
    ['attacks', 'Attacks', null, namesControl('attacks', info.attacks, 'Attack')],
    ['shares', 'Liars', 'Shares or numbers; 0 is the run without liars.',
      textControl('shares', { list: true, placeholder: '0, 20%, 45%' })],
    ['spreads', 'Spread of the data', null, namesControl('spreads', info.spreads, 'Spread')],
    ['nodes', 'Nodes', `Numbers from ${least} to ${count(most)}.`, numbersControl('nodes', '20')],
    ['topologies', 'Networks', null, namesControl('topologies', info.topologies, 'Network')],
    ['seeds', 'Seeds', 'Figures are means over them.', numbersControl('seeds', '1, 2, 3')],
    ['model', 'Model family', null, choiceControl('model', info.models, 'Model family')],
    ['attest', 'Measure each other', null, checkControl('attest')],
  ];
}

// How many runs a grid has: a share without liars is one run for all attacks.
function cellsOf({ attacks, shares, spreads, topologies, nodes, seeds }) {
  const perPlace = shares.reduce((sum, share) =>
    sum + (parseFloat(share) === 0 ? Math.min(1, attacks.length) : attacks.length), 0);
  return perPlace * spreads.length * topologies.length * nodes.length * seeds.length;
}

// What is wrong with a grid before the server sees it; null if nothing is.
function labFault(grid, { limits }) {
  const [least, most] = limits.cell_nodes;
  for (const [field, values] of Object.entries(grid)) {
    if (Array.isArray(values) && values.length === 0) {
      return { field, message: 'At least one value is needed here.' };
    }
    if (!LAB_NUMBERS.includes(field)) continue;
    const wrong = values.find((value) => !Number.isSafeInteger(value) || value < 0);
    if (known(wrong)) return { field, message: `${wrong} is not a whole number that this page can send.` };
  }
  const share = grid.shares.find((text) => !/^\d+(\.\d+)?%?$/.test(text));
  if (known(share)) {
    return { field: 'shares', message: `${share} is neither a number of nodes nor a share such as 34%.` };
  }
  const wrong = grid.nodes.find((nodes) => nodes < least || nodes > most);
  if (known(wrong)) {
    return { field: 'nodes', message: `${least} to ${count(most)}, not ${count(wrong)}.` };
  }
  const cells = cellsOf(grid);
  return cells <= limits.cells ? null : { field: 'attacks',
    message: `${count(cells)} runs are more than ${count(limits.cells)}; choose fewer values.` };
}

// What differs from the defaults, kept in the address.
function keepGrid(fragment, grid) {
  for (const [key, value] of Object.entries(grid)) {
    const text = Array.isArray(value) ? value.join(',') : value;
    fragment.set(`lab.${key}`, same(value, LAB_DEFAULTS[key]) ? null : text);
  }
}

function keptGrid(fragment) {
  const grid = structuredClone(LAB_DEFAULTS);
  for (const [key, fallback] of Object.entries(LAB_DEFAULTS)) {
    const text = fragment.get(`lab.${key}`);
    if (!known(text)) continue;
    grid[key] = LAB_NUMBERS.includes(key) ? text.split(',').map(numberOr)
      : known(fallback) ? valueLike(text, fallback) : text;
  }
  return grid;
}

// `start(grid)` answers with an error or nothing. Returns { write }.
function labForm(form, page, start) {
  const { info } = page;
  const fields = labFields(info).map(fieldOf);
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const size = el('p', { class: 'hint' });
  const go = el('button', { type: 'submit', class: 'primary' }, 'Run the grid');
  const reset = el('button', { type: 'reset' }, 'Reset');

  const read = () => Object.assign({ ...LAB_DEFAULTS },
    ...fields.map(({ control }) => control.read()));

  function follow() {
    const grid = read();
    size.textContent = `${plural(cellsOf(grid), 'run')}, of at most ${count(info.limits.cells)}.`;
    keepGrid(page.fragment, grid);
  }

  function complain(fault) {
    problem.hidden = true;
    for (const field of fields) field.complain(null);
    if (!fault) return;
    const name = fault.field?.split(/[.[]/).find((part) => part !== 'grid');
    const found = fields.find(({ key }) => key === name);
    if (found) {
      found.complain(fault.message);
      announce(`${found.label}: ${fault.message}`);
    } else {
      problem.textContent = fault.message;
      problem.hidden = false;
    }
  }

  function write(grid) {
    for (const field of fields) field.control.write(grid);
    follow();
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const grid = read();
    complain(labFault(grid, info) ?? await start(grid));
  });
  form.addEventListener('reset', (event) => {
    event.preventDefault();
    complain(null);
    write(LAB_DEFAULTS);
  });
  for (const happening of ['input', 'change']) form.addEventListener(happening, follow);
  fill(form, {}, [fields.map(({ node }) => node), size, el('div', { class: 'buttons' }, go, reset),
    problem]);
  write(keptGrid(page.fragment));
  return { write };
}
