// The report and what follows from it at once: who is who, and when things happened.

const source = document.getElementById('report');
const report = JSON.parse(source.textContent);
// Written out as it stands: a seed may be larger than what a number here holds exactly.
const seed = /"seed":\s*(\d+)/.exec(source.textContent)?.[1] ?? String(report.seed);
const { summary, rounds, topology, model } = report;
const sampled = report.sampled_nodes;

const infoOf = new Map(report.nodes.map((node) => [node.name, node]));
const lateNames = new Set(
  report.events.filter((event) => event.kind === 'join').flatMap((event) => event.nodes),
);
const isolatedNow = new Set(summary.isolated);
const isolatedEver = new Set(rounds.flatMap((round) => round.isolated));
const byzantineNames = report.nodes.filter((node) => node.byzantine).map((node) => node.name);
const isByzantine = (name) => infoOf.get(name)?.byzantine ?? false;

const roundNumbers = rounds.map((round) => round.round);
const lastRound = rounds.at(-1);
const lastNumber = lastRound?.round ?? 0;
const everyNodeSampled = sampled.length === report.nodes.length;

// Whether to show what only the harness knows. Charts and tables that depend on it register here.
const harness = {
  revealed: false,
  listeners: [],
  controls: [],
  set(revealed) {
    this.revealed = revealed;
    for (const control of this.controls) control.checked = revealed;
    for (const listener of this.listeners) listener();
  },
};

function revealSwitch() {
  if (byzantineNames.length === 0) return null;
  const onchange = (event) => harness.set(event.target.checked);
  const box = el('input', { type: 'checkbox', role: 'switch', onchange });
  harness.controls.push(box);
  return labelled('Reveal who was Byzantine (the harness’s knowledge)', box);
}

const shownAsByzantine = (name) => harness.revealed && isByzantine(name);

// A column of a per-node field over the rounds; null where the node takes no part.
function series(field, node) {
  return rounds.map((round) => (round.active[node] ? (round[field][node] ?? null) : null));
}

// The indices of the sampled honest nodes that take part in a round.
function honestActive(round) {
  return sampled.flatMap((name, node) => (round.active[node] && !isByzantine(name) ? [node] : []));
}

// Least, middle and greatest of the known values; nulls if there are none.
function spread(values) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (sorted.length === 0) return { least: null, middle: null, greatest: null };
  const half = (sorted.length - 1) / 2;
  const middle = (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
  return { least: sorted[0], middle, greatest: sorted.at(-1) };
}

// How many honest nodes take part at the end, as far as the report says.
function honestCount() {
  if (everyNodeSampled && lastRound) return honestActive(lastRound).length;
  return report.nodes.length - byzantineNames.length;
}

// Names for a sentence; long lists are cut.
function listed(names, most = 6) {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${count(names.length - most)} more`;
}

const EVENT_WORDS = {
  partition: () => 'the network splits',
  heal: () => 'the network is whole again',
  join: (names) => `${names} ${names.includes(', ') ? 'join' : 'joins'}`,
  crash: (names) => `${names} crashed`,
  restart: (names) => `${names} came back`,
  retract: (names) => `${names} retracted a contribution`,
  isolated: (names) => `isolated: ${names}`,
  readmitted: (names) => `readmitted: ${names}`,
};

// The events of each round that has any: [{ round, kinds, lines }], in order.
function eventRounds() {
  const groups = new Map();
  for (const event of report.events) {
    const group = groups.get(event.round) ?? new Map();
    groups.set(event.round, group);
    group.set(event.kind, [...(group.get(event.kind) ?? []), ...event.nodes]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([round, kinds]) => ({
    round,
    kinds: [...kinds.keys()],
    lines: [...kinds].map(([kind, names]) => (EVENT_WORDS[kind] ?? (() => kind))(listed(names))),
  }));
}

// The stretches in which the network was split: [{ from, until }].
function partitions() {
  const found = [];
  for (const event of report.events) {
    if (event.kind === 'partition') found.push({ from: event.round, until: lastNumber });
    if (event.kind === 'heal' && found.length) found.at(-1).until = event.round;
  }
  return found;
}
