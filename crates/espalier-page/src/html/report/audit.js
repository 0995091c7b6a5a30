// The audit log: every exchange, from the side of the node that received.

const AUDIT_SHOWN = 50;

const OUTCOMES = { merged: 'good', noop: 'quiet', lost: 'bad', blocked: 'bad' };

// The part of a log that a query asks for: the last kept `entries` of `total`.
function pageOf(entries, total, { offset = 0, limit = AUDIT_SHOWN, node, outcome, changed, round,
  order }) {
  const wanted = entries.filter((entry) => (!node || [entry.from, entry.to].includes(node))
    && (!outcome || entry.outcome === outcome) && (!known(changed) || entry.changed === changed)
    && (!known(round) || entry.round === round));
  if (order !== 'first') wanted.reverse();
  return { total, kept: entries.length, matching: wanted.length, offset,
    entries: wanted.slice(offset, offset + limit) };
}

const missingAudit = ({ run }) => (run.report.audit.length ? null
  : run.ended ? 'There were no exchanges.' : 'The log can be read when the run has ended.');

function showAudit({ run }, host) {
  const rows = run.report.audit.slice(-AUDIT_SHOWN);
  const { href, name } = run.files.audit;
  host.append(caption(`The last ${count(rows.length)} of ${plural(run.report.audit_total, 'entry',
    'entries')}, newest last. The whole log is in `, el('a', { href }, name), '.'));
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
