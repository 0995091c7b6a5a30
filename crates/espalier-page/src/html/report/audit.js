// The audit log: every exchange, from the side of the node that received. A page of it at a time,
// so that its length does not matter.

const AUDIT_SHOWN = 50;
const AUDIT_PAUSE_MS = 1000;

const OUTCOMES = { merged: 'good', noop: 'quiet', lost: 'bad', blocked: 'bad' };

const auditMatches = ({ node, outcome, changed, round }) => (entry) =>
  (!node || entry.from === node || entry.to === node) && (!outcome || entry.outcome === outcome)
    && (!known(changed) || entry.changed === changed)
    && (!known(round) || entry.round === round);

// The part of a log that a query asks for: the last kept `entries` of `total`.
function pageOf(entries, total, { offset = 0, limit = AUDIT_SHOWN, order, ...filter }) {
  const wanted = entries.filter(auditMatches(filter));
  if (order !== 'first') wanted.reverse();
  return { total, kept: entries.length, matching: wanted.length, offset,
    entries: wanted.slice(offset, offset + limit) };
}

const missingAudit = ({ run }) => (run.audit ? null : 'There is no log of this run.');

const AUDIT_COLUMNS = [
  numeric('Round', (entry) => entry.round),
  named('From', (entry) => entry.from),
  named('To', (entry) => entry.to),
  { head: 'Outcome', value: (entry) => entry.outcome,
    cell: ({ outcome }) => el('span', { class: OUTCOMES[outcome] ?? '' }, outcome) },
  hashed('Hash before', (entry) => entry.hash_before),
  hashed('Hash after', (entry) => entry.hash_after),
  { head: 'Changed', value: (entry) => Number(entry.changed),
    cell: ({ changed }) => (changed ? '● yes' : el('span', { class: 'quiet' }, 'no')) },
  numeric('Change norm', (entry) => entry.change_norm, quantity),
  numeric('New ops', (entry) => entry.ops),
  numeric('Bytes', (entry) => entry.bytes, bytes),
];

// A field of CSV; names may hold anything.
const csvField = (value) => {
  const text = known(value) ? String(value) : '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const AUDIT_FIELDS = ['round', 'from', 'to', 'hash_before', 'hash_after', 'change_norm', 'changed',
  'ops', 'bytes', 'outcome'];

// A distance is written with a point, as the program writes it.
const auditField = (entry, field) => (field === 'change_norm' && Number.isInteger(entry[field])
  ? entry[field].toFixed(1) : entry[field]);

const auditCsv = (entries) => [AUDIT_FIELDS, ...entries.map((entry) =>
  AUDIT_FIELDS.map((field) => auditField(entry, field)))].map((row) => `${row.map(csvField).join(',')}\n`)
  .join('');

// Of the log in the server, as it is filtered; else of what the page has inside.
function auditDownloads(run, host, filter) {
  const { audit, auditJson } = run.files;
  if (auditJson) {
    const link = ({ href, name }) => el('a', { href: `${href}${queryOf(filter)}`, download: name },
      name);
    host.replaceChildren('Download: ', link(audit), ' ', link(auditJson));
    return;
  }
  const entries = () => run.report.audit.filter(auditMatches(filter));
  const offer = (name, kind, write) => el('button', { type: 'button',
    onclick: () => downloadText(name, kind, write(entries())) }, name);
  host.replaceChildren('Download: ', offer('audit.csv', 'text/csv', auditCsv), ' ',
    offer('audit.json', 'application/json', (rows) => JSON.stringify(rows)),
    ...(audit ? [' The whole log is in ', el('a', { href: audit.href }, audit.name), '.'] : []));
}

function auditFilters(run, change) {
  const filter = {};
  const set = (name, value) => {
    if (value === '') delete filter[name];
    else filter[name] = value;
    change();
  };
  const pick = (label, name, options, read = String) => labelled(label,
    select([['', 'all'], ...options], '', (value) => set(name, value && read(value))));
  const round = el('input', { type: 'number', min: 0, step: 1, class: 'small', placeholder: 'all',
    title: `A round, 0 to ${run.report.config.rounds}`, max: run.report.config.rounds,
    oninput: () => {
      round.setAttribute('aria-invalid', String(!round.validity.valid));
      set('round', round.value === '' || !round.validity.valid ? '' : Number(round.value));
    } });
  const controls = el('div', { class: 'controls' },
    pick('Node', 'node', run.report.nodes.map(({ name }) => [name, name])),
    pick('Outcome', 'outcome', Object.keys(OUTCOMES).map((name) => [name, name])),
    labelled('State changed', select([['', 'all'], ['yes', 'yes'], ['no', 'no']], '',
      (value) => set('changed', value && value === 'yes'))),
    labelled('Round', round),
    labelled('Order', select([['', 'latest first'], ['first', 'first first']], '',
      (value) => set('order', value))));
  return { controls, filter };
}

function auditText({ total, kept, matching, offset, entries }, run) {
  if (total === 0) return run.ended ? 'There were no exchanges.' : 'There are no exchanges yet.';
  const lost = kept < total ? ` The last ${count(kept)} of ${count(total)} are kept.` : '';
  const all = matching === kept ? plural(matching, 'entry', 'entries')
    : `${count(matching)} that match, of ${plural(kept, 'entry', 'entries')}`;
  if (entries.length === 0) {
    return `Nothing matches, of ${plural(kept, 'entry', 'entries')}.${lost}`;
  }
  return `${count(offset + 1)} to ${count(offset + entries.length)} of ${all}.${lost}`;
}

function showAudit({ run }, host) {
  const state = { page: 0, pages: 1, asked: 0, last: 0, done: false, waiting: 0 };
  const { controls, filter } = auditFilters(run, () => { state.page = 0; ask(true); });
  const text = caption();
  const files = caption();
  const turn = (label, where) => el('button', { type: 'button', onclick: () => {
    const page = Math.min(state.pages - 1, Math.max(0, where()));
    if (page === state.page) return;
    state.page = page;
    ask(true);
  } }, label);
  const buttons = [turn('First', () => 0), turn('Back', () => state.page - 1),
    turn('Next', () => state.page + 1), turn('Last', () => state.pages - 1)];
  const place = el('span');
  host.append(controls, text);
  const shown = table(host, { label: 'Exchanges', rows: [], columns: AUDIT_COLUMNS });
  host.append(el('div', { class: 'controls pager', role: 'group', 'aria-label': 'Pages' },
    buttons.slice(0, 2), place, buttons.slice(2)), files);

  async function ask(tell) {
    clearTimeout(state.waiting);
    state.waiting = 0;
    state.asked += 1;
    state.last = performance.now();
    const own = state.asked;
    const ended = run.ended;
    try {
      const page = await run.audit({ ...filter, offset: state.page * AUDIT_SHOWN,
        limit: AUDIT_SHOWN });
      if (own !== state.asked) return;
      state.done = ended;
      draw(page);
      if (tell) announce(text.textContent);
    } catch (error) {
      if (own === state.asked) text.textContent = error.message;
    }
  }

  function draw(page) {
    state.pages = Math.max(1, Math.ceil(page.matching / AUDIT_SHOWN));
    text.textContent = auditText(page, run);
    shown.update(page.entries);
    place.textContent = `Page ${count(state.page + 1)} of ${count(state.pages)}`;
    const [atStart, atEnd] = [state.page === 0, state.page >= state.pages - 1];
    // A button that is disabled would take the focus away from who has just pressed it.
    [atStart, atStart, atEnd, atEnd].forEach((off, at) =>
      buttons[at].setAttribute('aria-disabled', off));
    auditDownloads(run, files, filter);
  }

  // A later page stays as it is: new entries would move it under the reader's eyes.
  function update() {
    if (state.done || (state.page > 0 && !run.ended) || state.waiting) return;
    const rest = AUDIT_PAUSE_MS - (performance.now() - state.last);
    if (rest <= 0 || state.asked === 0) ask(false);
    else state.waiting = setTimeout(() => ask(false), rest);
  }

  update();
  return update;
}
