// Controls for one setting each: { node, read() → part of a configuration, write(config) }. The
// first input in `node` is the one to which errors lead.

// `regular:K` → { name: 'regular', hint: 'K' }; `TIME` alone is an argument without a name.
function templateOf(entry) {
  const text = typeof entry === 'string' ? entry : entry.name;
  if (/^[A-Z]+$/.test(text)) return { name: '', hint: text, text: entry.text ?? null };
  const [name, hint] = text.split(/:(.*)/s);
  return { name, hint: hint ?? null, text: entry.text ?? null };
}

function numberControl(key, { min, max, step = 1, empty = undefined, placeholder }) {
  const input = el('input', { type: 'number', min, max, step, placeholder, inputmode: 'decimal' });
  const read = () => ({ [key]: input.value.trim() === '' ? (empty === undefined ? '' : empty)
    : numberOr(input.value) });
  // What is no number has no place here; the page says so where the setting is checked.
  const write = (config) => {
    input.value = typeof numberOr(String(config[key] ?? '')) === 'number' ? config[key] : '';
  };
  return { node: input, read, write };
}

// For a range that is worth sliding through. The slider goes by powers, so that small numbers
// have room.
function slidingNumber(key, { min, max }) {
  const number = numberControl(key, { min, max });
  const scale = Math.log(max / min);
  const slider = el('input', { type: 'range', min: 0, max: 1000, tabindex: -1,
    'aria-hidden': 'true' });
  const follow = () => {
    slider.value = (1000 * Math.log(Math.max(min, Number(number.node.value)) / min)) / scale;
  };
  slider.addEventListener('input', () => {
    number.node.value = Math.round(min * Math.exp((slider.value / 1000) * scale));
  });
  number.node.addEventListener('input', follow);
  const write = (config) => {
    number.write(config);
    follow();
  };
  return { node: el('span', { class: 'sliding' }, number.node, slider), read: number.read, write };
}

function checkControl(key) {
  const input = el('input', { type: 'checkbox' });
  return { node: input, read: () => ({ [key]: input.checked }),
    write: (config) => { input.checked = config[key] === true; } };
}

// An empty text is `empty`; `list` splits it at commas.
function textControl(key, { placeholder, empty = null, list = false }) {
  const input = el('input', { type: 'text', placeholder, autocomplete: 'off',
    spellcheck: 'false' });
  const read = () => {
    const text = input.value.trim();
    if (list) return { [key]: text.split(/[\s,]+/).filter(Boolean) };
    return { [key]: text === '' ? empty : text };
  };
  const write = (config) => {
    input.value = list ? (config[key] ?? []).join(', ') : (config[key] ?? '');
  };
  return { node: input, read, write };
}

// A name out of many, and its arguments where it takes any.
function namedChoice(entries, label) {
  const templates = entries.map(templateOf);
  const node = el('select', {}, templates.map(({ name, hint }) =>
    el('option', { value: name }, [name, hint].filter(Boolean).join(':'))));
  const argument = el('input', { type: 'text', class: 'argument', autocomplete: 'off',
    spellcheck: 'false', 'aria-label': `${label}: arguments` });
  const follow = () => {
    const { hint, text } = templates.find(({ name }) => name === node.value) ?? {};
    argument.hidden = !hint;
    argument.placeholder = hint ?? '';
    node.title = text ?? '';
  };
  node.addEventListener('change', () => {
    argument.value = '';
    follow();
  });
  const value = () => [node.value, argument.hidden ? '' : argument.value.trim()]
    .filter(Boolean).join(':');
  const set = (text) => {
    const [name, rest] = String(text).split(/:(.*)/s);
    const listed = (wanted) => [...node.options].some((option) => option.value === wanted);
    if (listed(text)) [node.value, argument.value] = [text, ''];
    else if (listed(name)) [node.value, argument.value] = [name, rest ?? ''];
    else if (listed('')) [node.value, argument.value] = ['', text];
    else {
      // What is not on the list is shown all the same, so that the server can say what is wrong.
      node.append(el('option', { value: text }, text));
      [node.value, argument.value] = [text, ''];
    }
    follow();
  };
  // More values, each with the text for it; those of the last time go.
  const offer = (more) => {
    const before = node.value;
    for (const option of [...node.options]) if (option.dataset.more) option.remove();
    for (const [one, text] of more) {
      node.append(el('option', { value: one, 'data-more': true }, text));
    }
    if (value() !== before) set(before);
  };
  follow();
  return { nodes: [node, argument], node, value, set, offer };
}

function choiceControl(key, entries, label) {
  const chosen = namedChoice(entries, label);
  return { node: el('span', { class: 'named' }, chosen.nodes), choice: chosen,
    read: () => ({ [key]: chosen.value() }), write: (config) => chosen.set(config[key]) };
}

// Several names in an order, each with its arguments.
function namesControl(key, entries, label) {
  const list = el('span', { class: 'names' });
  let rows = [];

  function add(text) {
    const chosen = namedChoice(entries, label);
    chosen.node.setAttribute('aria-label', label);
    chosen.set(text);
    const row = { chosen, node: el('span', { class: 'named' }, chosen.nodes) };
    row.node.append(el('button', { type: 'button', class: 'plain', 'aria-label': `Remove ${label}`,
      onclick: () => remove(row) }, '×'));
    rows.push(row);
    more.before(row.node);
  }

  function remove(row) {
    rows = rows.filter((other) => other !== row);
    row.node.remove();
    more.focus();
    more.dispatchEvent(new Event('change', { bubbles: true }));
  }

  const more = el('button', { type: 'button', class: 'plain', onclick: () => {
    add(templateOf(entries[0]).name);
    rows.at(-1).chosen.node.focus();
    more.dispatchEvent(new Event('change', { bubbles: true }));
  } }, `Add: ${label.toLowerCase()}`);
  list.append(more);
  const write = (config) => {
    for (const row of rows) row.node.remove();
    rows = [];
    for (const text of config[key]) add(text);
  };
  return { node: list, read: () => ({ [key]: rows.map(({ chosen }) => chosen.value()) }), write };
}

// A number of nodes or a share of them.
function shareControl(key) {
  const input = el('input', { type: 'number', min: 0, step: 'any', inputmode: 'decimal' });
  const unit = el('select', { 'aria-label': 'Unit' }, el('option', { value: '' }, 'nodes'),
    el('option', { value: '%' }, '% of the nodes'));
  const write = (config) => {
    const text = String(config[key]);
    unit.value = text.endsWith('%') ? '%' : '';
    input.value = text.replace('%', '');
  };
  return { node: el('span', { class: 'named' }, input, unit),
    read: () => ({ [key]: `${input.value.trim()}${unit.value}` }), write };
}

const small = (label, attributes) => el('input', { type: 'number', 'aria-label': label,
  inputmode: 'numeric', ...attributes });

// COUNT@ROUND, or nothing.
function lateControl(key) {
  const number = small('Number of nodes that join late', { min: 0 });
  const round = small('Round in which they join', { min: 1 });
  const write = (config) => {
    [number.value, round.value] = /^(.*)@(.*)$/.exec(config[key] ?? '0@5')?.slice(1)
      ?? [config[key], ''];
  };
  const read = () => ({ [key]: Number(number.value) === 0 ? null
    : `${number.value}@${round.value}` });
  return { node: el('span', { class: 'named' }, number, 'in round', round), read, write };
}

const CUTS = [['', 'none'], ['split', 'split'], ['one-way', 'one-way'], ['bridge', 'bridge']];

// PARTS@FROM..UNTIL with a kind before it, or nothing.
function partitionControl(key) {
  const parts = small('Parts', { min: 2 });
  const from = small('From round', { min: 1 });
  const until = small('Until round', { min: 1 });
  const kind = el('select', { onchange: () => follow() }, CUTS.map(([value, text]) =>
    el('option', { value }, text)));
  const rest = el('span', { class: 'named' }, 'into', parts, 'parts, rounds', from, 'to', until);
  const follow = () => { rest.hidden = kind.value === ''; };
  const write = (config) => {
    const pattern = /^(?:(one-way|bridge):)?(.*)@(.*)\.\.(.*)$/;
    const found = pattern.exec(config[key] ?? '2@3..9') ?? [null, null, config[key], '', ''];
    kind.value = known(config[key]) ? (found[1] ?? 'split') : '';
    [parts.value, from.value, until.value] = found.slice(2);
    follow();
  };
  const read = () => {
    const before = kind.value === 'split' ? '' : `${kind.value}:`;
    return { [key]: kind.value === '' ? null
      : `${before}${parts.value}@${from.value}..${until.value}` };
  };
  return { node: el('span', { class: 'named' }, kind, rest), read, write };
}

// The strategy and the parameters that it has.
function strategyControl(strategies) {
  const text = el('span', { class: 'hint' });
  const rows = el('span', { class: 'parameters' });
  const group = (robust, label) => el('optgroup', { label }, strategies
    .filter((each) => Boolean(each.robust) === robust)
    .map(({ name }) => el('option', { value: name }, name)));
  const node = el('select', { onchange: () => show({}) }, group(false, 'Plain'),
    group(true, 'Robust'));
  let inputs = new Map();

  function show(values) {
    const chosen = strategies.find(({ name }) => name === node.value);
    text.textContent = chosen?.text ?? '';
    inputs = new Map((chosen?.parameters ?? []).map((parameter) => [parameter.name,
      el('input', { type: 'text', placeholder: parameter.default ?? '', autocomplete: 'off',
        title: parameter.text })]));
    for (const [name, value] of Object.entries(values)) {
      if (!inputs.has(name)) inputs.set(name, el('input', { type: 'text' }));
      inputs.get(name).value = value;
    }
    rows.replaceChildren(...[...inputs].map(([name, input]) => labelled(name, input)));
  }

  const read = () => ({ strategy: node.value, parameters: Object.fromEntries([...inputs]
    .map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value !== '')) });
  const write = (config) => {
    const listed = strategies.some(({ name }) => name === config.strategy);
    if (!listed) node.append(el('option', { value: config.strategy }, config.strategy));
    node.value = config.strategy;
    show(config.parameters);
  };
  return { node: el('span', { class: 'strategy' }, node, text, rows), read, write };
}

// A dice draws another seed.
function seedControl(key) {
  const number = numberControl(key, { min: 0 });
  const roll = () => {
    number.node.value = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
    number.node.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const dice = el('button', { type: 'button', 'aria-label': 'Draw another seed',
    title: 'Draw another seed', onclick: roll }, '⚄');
  return { node: el('span', { class: 'named' }, number.node, dice), read: number.read,
    write: number.write };
}
