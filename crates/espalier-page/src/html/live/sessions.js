// The runs of the server, as a list that keeps itself up to date.

const BUSY_MS = 1000;
const IDLE_MS = 5000;

const STATUS_KIND = { done: 'good', failed: 'bad', stopped: 'note', running: 'late' };
const goesOn = ({ status }) => status === 'running' || status === 'waiting';

// What sets a run apart from others, in a few words.
function describe(config) {
  const { nodes, topology, model, strategy, byzantine, attack } = config;
  const liars = byzantine === '0' ? '' : `, ${byzantine} ${attack.join(' + ')}`;
  return `${nodes} nodes, ${topology}, ${familyText(model)}, ${strategy}${liars}`;
}

// `actions`: open(id), compare(id), remove(id), which stops or forgets. Returns { runs, refresh,
// mark, onchange }.
function sessionList(host, actions) {
  const rows = new Map();
  const listeners = new Set();
  let runs = [];
  let timer = 0;
  const list = el('ul', { class: 'runs' });
  const none = note('None yet. Press Run.');
  host.append(none, list);

  function show() {
    none.hidden = runs.length > 0;
    const ids = new Set(runs.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.node.remove();
      rows.delete(id);
    }
    runs.forEach((run, index) => {
      if (!rows.has(run.id)) rows.set(run.id, sessionRow(run, actions));
      const row = rows.get(run.id);
      row.update(run);
      // A row that is moved would lose its focus.
      if (list.children[index] !== row.node) list.insertBefore(row.node, list.children[index]);
    });
    for (const listener of listeners) listener(runs);
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      runs = await api('GET', '/runs');
      connection.report('list', true);
      show();
    } catch (error) {
      if (!(error instanceof ApiError)) connection.report('list', false);
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, runs.some(goesOn) ? BUSY_MS : IDLE_MS);
  }

  const mark = (id) => {
    for (const [own, { node }] of rows) node.classList.toggle('open', own === id);
  };
  return { refresh, mark, get runs() { return runs; },
    onchange: (listener) => { listeners.add(listener); } };
}

function sessionRow(first, actions) {
  const { id } = first;
  const text = describe(first.config);
  const open = el('button', { type: 'button', class: 'plain title', onclick: () =>
    actions.open(id) }, text);
  const status = el('span');
  const progress = el('progress', { 'aria-label': `Progress of ${text}` });
  const remove = el('button', { type: 'button', onclick: () => actions.remove(id) });
  const compare = el('button', { type: 'button', 'aria-label': `Compare ${text}`,
    onclick: () => actions.compare(id) }, 'Compare');
  const node = el('li', {}, open, el('div', { class: 'line' }, status, progress),
    el('div', { class: 'line' }, remove, compare));

  function update(run) {
    const word = run.status === 'running' ? `round ${run.round} of ${run.rounds}` : run.status;
    if (status.textContent !== word) {
      status.replaceChildren(tag(STATUS_KIND[run.status] ?? '', word));
    }
    progress.hidden = !goesOn(run);
    progress.max = Math.max(1, run.rounds);
    progress.value = run.round;
    const verb = goesOn(run) ? 'Stop' : 'Forget';
    if (remove.textContent !== verb) {
      remove.textContent = verb;
      remove.setAttribute('aria-label', `${verb} ${text}`);
    }
    compare.hidden = run.status === 'waiting' || run.status === 'failed';
  }

  return { node, update };
}
