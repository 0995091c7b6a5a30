// One run, which grows: its report as far as it is known, and what follows from it. Views ask
// nobody else, so that it does not matter whether a report, a server or real nodes fill it.

// A clock with what changed. One that did not change is the same object, not a copy of it: a
// thousand entries in each of a hundred rounds would be a lot to keep.
function withChanges(before, changes) {
  if (before && Object.keys(changes).length === 0) return before;
  const after = { ...before, ...changes };
  // Whoever comes back without its disk may know less than it did.
  for (const [author, tick] of Object.entries(changes)) if (tick === null) delete after[author];
  return after;
}

// The clocks of a round, of which only what changed since the round before was told.
function clocksAfter(before, changes) {
  return changes.map((changed, node) => withChanges(before?.[node], changed));
}

const EMPTY_REPORT = { config: {}, seed: 0, policy_hash: '', nodes: [], events: [],
  sampled_nodes: [], rounds: [], audit: [], audit_total: 0, round_trip: [], trace: [],
  evidence: [], summary: null,
  topology: { name: '', edge_count: 0, edges: null, degree: [0, 0, 0], diameter: null,
    spectral_gap: null, rounds_lower: 0, rounds_upper: 0, bound_source: '' },
  model: { family: '', tensors: 0, parameters: 0, bytes: 0, base_accuracy: null,
    alone_accuracy: null } };

// `source` answers what is too much to keep in the page, by promises; what it cannot tell is null:
// audit({ offset, limit, node, outcome, changed, round, order }) → { total, kept, matching,
// entries }; trace({ offset, limit }) → { total, entries }; node(name, round); proof(name, round,
// op); evidence(). `files` are addresses of the whole audit log and the like.
class Run {
  constructor(source) {
    this.audit = source.audit ?? null;
    this.trace = source.trace ?? null;
    this.node = source.node ?? null;
    this.proof = source.proof ?? null;
    this.evidence = source.evidence ?? null;
    this.files = source.files ?? {};
    this.report = { ...EMPTY_REPORT };
    this.flags = [];
    this.seed = '0';
    this.status = 'waiting';
    this.error = null;
    this.stopping = false;
    this.listeners = new Set();
    // How often it began: a server that came back may tell a run once more.
    this.beginnings = 0;
    this.forget();
  }

  // What follows from the rounds so far.
  forget() {
    this.infoOf = new Map();
    this.byzantineNames = [];
    this.lateNames = new Set();
    this.isolatedEver = new Set();
    this.roundNumbers = [];
    // Per round: a number per node that stands for its state, and the flat exchanges; null where
    // the source does not tell.
    this.states = [];
    this.exchanges = [];
  }

  open(opening, seed) {
    const { flags, ...report } = opening;
    this.beginnings += 1;
    this.forget();
    this.report = { ...EMPTY_REPORT, ...report, rounds: [], events: [] };
    this.flags = flags ?? [];
    this.seed = seed ?? String(report.config.seed ?? report.seed);
    this.status = 'running';
    for (const node of report.nodes) this.infoOf.set(node.name, node);
    this.byzantineNames = report.nodes.filter((node) => node.byzantine).map(({ name }) => name);
    this.changed();
  }

  add({ round, events, states, exchanges }) {
    const clock = clocksAfter(this.lastRound?.clock, round.clock);
    this.take({ ...round, clock }, states, exchanges);
    this.note(events);
    this.changed();
  }

  take(round, states, exchanges) {
    this.report.rounds.push(round);
    this.roundNumbers.push(round.round);
    for (const name of round.isolated ?? []) this.isolatedEver.add(name);
    this.states.push(states ?? null);
    this.exchanges.push(exchanges ?? null);
  }

  note(events) {
    for (const event of events) {
      this.report.events.push(event);
      if (event.kind === 'join') for (const name of event.nodes) this.lateNames.add(name);
    }
  }

  end({ status, ...rest }) {
    Object.assign(this.report, rest);
    this.status = status;
    this.changed();
  }

  fail(error) {
    this.status = 'failed';
    this.error = error;
    this.changed();
  }

  // A whole report at once.
  fill(report, { seed, flags }) {
    const { rounds, events, ...rest } = report;
    this.open({ ...rest, flags }, seed);
    for (const round of rounds) this.take(round, null, null);
    this.note(events);
    this.end({ status: 'done' });
  }

  onchange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    for (const listener of this.listeners) listener(this);
  }

  get rounds() { return this.report.rounds; }
  get sampled() { return this.report.sampled_nodes; }
  get topology() { return this.report.topology; }
  get model() { return this.report.model; }
  get lastRound() { return this.rounds.at(-1); }
  get lastNumber() { return this.lastRound?.round ?? 0; }
  get everyNodeSampled() { return this.sampled.length === this.report.nodes.length; }
  get ended() { return ['done', 'stopped', 'failed'].includes(this.status); }
  get isolatedNow() { return new Set(this.summary.isolated ?? []); }
  // What a reader should know about the models that nodes bring and about the merged one.
  get remarks() { return [...this.model.notes ?? [], ...this.summary.notes ?? []]; }

  // The name of a node, with that of the file whose model it brings, if it brings one.
  label(name) {
    const file = this.infoOf.get(name)?.file;
    return known(file) ? `${name} (${file})` : name;
  }

  isByzantine(name) { return this.infoOf.get(name)?.byzantine ?? false; }

  // Before the end, what can be said of it so far.
  get summary() { return this.report.summary ?? interim(this); }
}

const newRun = (source = {}) => new Run(source);

function interim(run) {
  const last = run.lastRound;
  const agreed = last?.distinct_states === 1;
  const holder = agreed ? honestActive(run, last)[0] : undefined;
  return {
    converged: false, rounds_to_converge: null, final_accuracy: null, bytes_over_optimum: null,
    exchanges: null, detection: null, final_model_hash: null, no_model: null, notes: [],
    not_judged: null, isolated: last?.isolated ?? null,
    final_state_hash: holder === undefined ? null : last.state_hash[holder],
    sent_bytes: run.rounds.reduce((sum, round) => sum + round.sent_bytes, 0),
  };
}

// The indices of the sampled honest nodes that take part in a round.
function honestActive(run, round) {
  return run.sampled.flatMap((name, node) =>
    (round.active[node] && !run.isByzantine(name) ? [node] : []));
}

// How many honest nodes take part at the end, as far as the report says.
function honestCount(run) {
  if (run.everyNodeSampled && run.lastRound) return honestActive(run, run.lastRound).length;
  return run.report.nodes.length - run.byzantineNames.length;
}

// A column of a per-node field over the rounds; null where the node takes no part.
function series(run, field, node) {
  return run.rounds.map((round) => (round.active[node] ? (round[field][node] ?? null) : null));
}
