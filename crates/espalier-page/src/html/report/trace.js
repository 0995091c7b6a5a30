// The final state, operation by operation: provenance, roots, and the proof of the encodings.

const numberedTrace = (run) =>
  run.report.trace.map((entry, index) => ({ ...entry, index: index + 1 }));

// As many operations are drawn and listed; a source is asked for so many at once.
const MOST_TRACE = 5000;
const TRACE_PAGE = 1000;

// Runs whose trace is on its way, each with what went wrong.
const tracesAsked = new WeakMap();

async function loadTrace(view) {
  const { run } = view;
  const entries = [];
  try {
    while (entries.length < MOST_TRACE) {
      const page = await run.trace({ offset: entries.length, limit: TRACE_PAGE });
      entries.push(...page.entries);
      if (page.entries.length === 0 || entries.length >= page.total) break;
    }
    run.report.trace = entries;
  } catch (error) {
    tracesAsked.set(run, error.message);
  }
  view.refresh();
}

function missingTrace(view) {
  const { run } = view;
  if (run.report.trace.length) return null;
  if (!run.ended) return 'Available when the run has ended.';
  if (!run.report.trace_total) return 'The final state holds no operations.';
  if (!tracesAsked.has(run)) {
    tracesAsked.set(run, 'Loading the operations…');
    loadTrace(view);
  }
  return tracesAsked.get(run);
}

const KINDS = { contribute: 'good', retract: 'bad', evidence: 'bad', attest: 'note' };
const kindTag = ({ kind }) => tag(KINDS[kind] ?? '', kind);

function showTrace({ run }, host) {
  const trace = numberedTrace(run);
  const tally = new Map();
  for (const { kind } of trace) tally.set(kind, (tally.get(kind) ?? 0) + 1);
  const parts = [...tally].map(([kind, number]) => `${count(number)} ${kind}`);
  const total = run.report.trace_total ?? trace.length;
  const first = total > trace.length ? `The first ${count(trace.length)} of ` : '';
  host.append(caption(`${first}${plural(total, 'operation')}: ${parts.join(', ')}.`));
  table(host, { label: 'Operations of the final state', rows: trace, columns: [
    numeric('#', (entry) => entry.index),
    hashed('Operation', (entry) => entry.op),
    named('Author', (entry) => entry.author),
    numeric('Seq', (entry) => entry.seq, String),
    numeric('Lamport', (entry) => entry.lamport, String),
    numeric('Deps', (entry) => entry.deps, String),
    { head: 'Kind', cell: kindTag, value: (entry) => entry.kind },
    hashed('Content', (entry) => entry.content),
    numeric('Weight', (entry) => entry.weight, (weight) => quantity(weight, 6)),
    { head: 'Text', cell: (entry) => entry.text, wide: true },
  ] });
}

// Roots

function rootCell(trace, field) {
  return (entry) => {
    const before = trace[entry.index - 2]?.[field];
    const changed = before !== entry[field];
    const mark = el('span', { class: changed ? 'good' : 'quiet',
      title: changed ? 'changed' : 'as before' }, changed ? '● ' : '○ ');
    return el('span', {}, mark, hashText(entry[field]));
  };
}

function stepLine(trace, key, label, field, line) {
  const steps = trace.map((entry) => entry[field]);
  return { x: trace.map((entry) => entry.index), y: steps, mode: 'lines', meta: { key, label },
    line: { shape: 'hvh', width: 2.5, ...line },
    hovertemplate: `%{y} ${label}<br>after operation %{x}<extra></extra>` };
}

function showRoots({ run }, host) {
  const trace = numberedTrace(run);
  const label = 'Visible contributions and tombstones after each operation';
  const drawn = chart(host, label, 230, (colours) => ({
    data: [
      stepLine(trace, 'visible', 'visible contributions', 'visible', { color: colours.accent }),
      stepLine(trace, 'tombstones', 'tombstones', 'tombstones',
        { color: colours.note, dash: 'dash' }),
    ],
    layout: {
      xaxis: { title: { text: 'operation', standoff: 6 }, showgrid: false, tickformat: 'd',
        range: [0.5, Math.max(trace.length + 0.5, 2)] },
      yaxis: { rangemode: 'tozero', title: { text: 'in the state' }, tickformat: 'd', nticks: 6 },
      margin: { l: 56, r: 16, t: 12, b: 42 },
    },
  }));
  table(host, { label: 'Roots after each operation', rows: trace, columns: [
    numeric('#', (entry) => entry.index),
    { head: 'Kind', cell: kindTag },
    named('Author', (entry) => entry.author),
    { head: 'State hash', cell: rootCell(trace, 'state_hash') },
    { head: 'Bound root', cell: rootCell(trace, 'bound_root') },
    numeric('Visible', (entry) => entry.visible),
    numeric('Tombstones', (entry) => entry.tombstones),
  ] });
  return drawn.draw;
}

// Round trip

const missingRoundTrip = ({ run }) => (run.report.round_trip.length ? null
  : run.ended ? 'No state was encoded in this run.' : 'Available when the run has ended.');

function showRoundTrip({ run }, host) {
  const rows = run.report.round_trip;
  const failed = rows.filter((row) => !row.pass).length;
  const verdict = failed
    ? el('b', { class: 'bad' }, `${count(failed)} of ${count(rows.length)} FAILED. `)
    : el('b', { class: 'good' }, `All ${count(rows.length)} PASS. `);
  host.append(caption(verdict, 'decode(encode(state)) has the same state hash as the state.'));
  // Failures first: they are what one looks for.
  const ordered = [...rows].sort((a, b) => Number(a.pass) - Number(b.pass));
  table(host, { label: 'Round trip per node and form', rows: ordered, columns: [
    named('Node', (row) => row.node),
    plain('Form', (row) => row.form),
    { head: 'Verdict', value: (row) => Number(row.pass),
      cell: ({ pass }) => (pass ? tag('good', 'PASS') : tag('bad', 'FAIL')) },
    hashed('Before', (row) => row.before),
    hashed('After', (row) => row.after),
  ] });
}
