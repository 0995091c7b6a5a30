// The trust table and the audit log.

const DIMENSIONS = ['overall', 'accuracy', 'consistency', 'recency', 'provenance'];
const LOW_TRUST = 0.5;
const AUDIT_SHOWN = 50;

function bar(value) {
  if (!known(value)) return MISSING;
  const filled = `${Math.min(1, Math.max(0, value)) * 100}%`;
  return el('div', { class: value < LOW_TRUST ? 'bar low' : 'bar' },
    el('i', { 'aria-hidden': 'true' }, el('b', { style: { width: filled } })),
    el('span', {}, unit(value)));
}

function standing({ name }) {
  const tags = [];
  if (isolatedNow.has(name)) tags.push(tag('bad', 'isolated'));
  else if (isolatedEver.has(name)) tags.push(tag('', 'was isolated'));
  if (lateNames.has(name)) tags.push(tag('late', 'late'));
  if (shownAsByzantine(name)) {
    tags.push(tag('note', `Byzantine: ${infoOf.get(name).attack ?? 'unnamed attack'}`));
  }
  if (tags.length === 0) return el('span', { class: 'quiet' }, 'in the merge');
  return el('div', { class: 'tags' }, tags);
}

const standingRank = ({ name }) =>
  (isolatedNow.has(name) ? 'a' : isolatedEver.has(name) ? 'b' : 'c');

function showTrust() {
  const host = body('trust');
  if (!lastRound || sampled.length === 0) {
    host.append(note('No node was sampled in this run, so there is no trust to show.'));
    return;
  }
  const rows = sampled.map((name, node) => ({ name, trust: lastRound.trust[node] }));
  const dimension = (name) => ({ head: name[0].toUpperCase() + name.slice(1),
    value: ({ trust }) => trust?.[name] ?? null, cell: ({ trust }) => bar(trust?.[name]) });
  const columns = [named('Node', ({ name }) => name),
    { head: 'Verdict', cell: standing, value: standingRank }, ...DIMENSIONS.map(dimension)];
  const reveal = revealSwitch();
  if (reveal) host.append(el('div', { class: 'controls' }, reveal));
  host.append(caption(`After round ${lastNumber}, as seen by the median honest node.`));
  const shown = table(host, { label: 'Trust per node after the last round', columns, rows });
  harness.listeners.push(shown.refresh);
}

// Audit

const OUTCOMES = { merged: 'good', noop: 'quiet', lost: 'bad', blocked: 'bad' };

// The file lies beside the page; each part is encoded, so the link cannot point elsewhere.
function auditLink() {
  const file = source.dataset.audit;
  const href = `./${file.split('/').map(encodeURIComponent).join('/')}`;
  return el('a', { href }, file);
}

function showAudit() {
  const host = body('audit');
  const kept = report.audit;
  if (kept.length === 0) {
    host.append(note('There were no exchanges.'));
    return;
  }
  const rows = kept.slice(-AUDIT_SHOWN);
  host.append(caption(`The last ${count(rows.length)} of ${plural(report.audit_total, 'entry',
    'entries')}, newest last. The whole log is in `, auditLink(), '.'));
  table(host, { label: 'The last exchanges', rows, columns: [
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
  ] });
}
