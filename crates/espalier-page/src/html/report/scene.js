// What the network looked like after a round: who held which state, and what went between nodes.

const OUTCOME_NAMES = ['merged', 'noop', 'lost', 'blocked'];

// Reads a run that grows. `states(index)` has for every node whether it took part, its state hash
// and a number for its state, as far as the run tells; unsampled nodes have numbers alone.
function sceneReader(run) {
  const nodeOf = new Map(run.report.nodes.map(({ name }, node) => [name, node]));
  const sampleOf = new Array(run.report.nodes.length).fill(-1);
  run.sampled.forEach((name, sample) => { sampleOf[nodeOf.get(name)] = sample; });
  // Numbers stand for states; a sampled node that ever held one tells its hash.
  const hashOf = new Map();
  let read = 0;
  let slots = null;
  let slotsFor = '';

  function learn() {
    for (; read < run.rounds.length; read += 1) {
      const numbers = run.states[read];
      run.sampled.forEach((name, sample) => {
        const number = numbers?.[nodeOf.get(name)] ?? -1;
        if (number >= 0) hashOf.set(number, run.rounds[read].state_hash[sample]);
      });
    }
    const final = run.summary.final_state_hash;
    const wanted = `${run.rounds.length} ${final}`;
    if (wanted === slotsFor) return;
    slotsFor = wanted;
    slots = slotsOf(run, 'state_hash', final);
  }

  function states(index) {
    const round = run.rounds[index];
    const numbers = run.states[index];
    return sampleOf.map((sample, node) => {
      if (sample >= 0) {
        return { active: round.active[sample], hash: round.state_hash[sample], number: null };
      }
      const number = numbers?.[node] ?? null;
      return { active: number !== -1, hash: hashOf.get(number) ?? null, number };
    });
  }

  // The colour of the state matrix for this state; the ground where nothing is known of it.
  function colourOf({ hash, number }, colours) {
    if (hash === null) return number === null ? colours.panel : PALETTE[number % PALETTE.length];
    const slot = slots.get(hash);
    return slot === 0 ? colours.calm : PALETTE[slot - 1];
  }

  const audit = auditByRound(run);
  const messages = (index) => messagesOf(run, index, audit, nodeOf);
  return { nodeOf, sampleOf, learn, states, colourOf, messages,
    cuts: (index) => cutsOf(run, index, messages) };
}

// The links that a split of the network cuts in this round, as far as messages were blocked there:
// [[from, to]]. Once a split has blocked a link it does so to its end.
function cutsOf(run, index, messages) {
  const number = run.roundNumbers[index];
  const split = partitions(run).find(({ from, until }) => from <= number && number < until);
  if (!split) return [];
  const found = new Map();
  run.roundNumbers.forEach((round, at) => {
    if (round < split.from || round >= split.until) return;
    for (const { from, to } of messages(at).blocked) {
      found.set(from < to ? `${from} ${to}` : `${to} ${from}`, [from, to]);
    }
  });
  return [...found.values()];
}

// The kept entries of the log by round, for runs that came with their log.
function auditByRound(run) {
  const byRound = new Map();
  for (const entry of run.report.audit) {
    if (!byRound.has(entry.round)) byRound.set(entry.round, []);
    byRound.get(entry.round).push(entry);
  }
  return byRound;
}

// The messages of a round by outcome: [{ from, to, ops }]. Those that said nothing new are left
// out: they would cover the others.
function messagesOf(run, index, audit, nodeOf) {
  const found = { merged: [], noop: [], lost: [], blocked: [] };
  const flat = run.exchanges[index];
  if (flat) {
    for (let place = 0; place < flat.length; place += 4) {
      const [from, to, outcome, ops] = flat.slice(place, place + 4);
      found[OUTCOME_NAMES[outcome]].push({ from, to, ops });
    }
    return found;
  }
  for (const { from, to, outcome, ops } of audit.get(run.roundNumbers[index]) ?? []) {
    if (outcome === 'noop') continue;
    found[outcome].push({ from: nodeOf.get(from), to: nodeOf.get(to), ops });
  }
  return found;
}

// Whether the network was split in this round.
const isSplit = (run, number) =>
  partitions(run).some(({ from, until }) => from <= number && number < until);

// A round in a few words.
function roundText(run, index, messages) {
  const round = run.rounds[index];
  const events = eventRounds(run).find((group) => group.round === round.round)?.lines ?? [];
  const sent = [['merged', 'merged'], ['lost', 'lost'], ['blocked', 'blocked']]
    .filter(([kind]) => messages[kind].length)
    .map(([kind, word]) => `${count(messages[kind].length)} ${word}`);
  const split = isSplit(run, round.round) ? ['the network is split'] : [];
  return [`Round ${round.round}`, plural(round.distinct_states, 'different state'),
    sent.length ? `messages: ${sent.join(', ')}` : 'no news passed', ...split, ...events]
    .join('; ');
}
