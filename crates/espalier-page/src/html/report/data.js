// What views say about a run in words: its events, who is late, isolated or a liar.

// Least, middle and greatest of the known values; nulls if there are none.
function spread(values) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (sorted.length === 0) return { least: null, middle: null, greatest: null };
  const half = (sorted.length - 1) / 2;
  const middle = (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
  return { least: sorted[0], middle, greatest: sorted.at(-1) };
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
  leave: (names) => `${names} left`,
  'not-finite': (names) => `${names} trained a model that is not finite and did not contribute it`,
  'same-model': (names) => `${names} had the model of another node and did not contribute it`,
  unmerged: (names) => `${names} had merged nothing and trained from the base`,
};

// The events of each round that has any: [{ round, kinds, lines }], in order.
function eventRounds(run) {
  const groups = new Map();
  for (const event of run.report.events) {
    const group = groups.get(event.round) ?? new Map();
    groups.set(event.round, group);
    group.set(event.kind, [...(group.get(event.kind) ?? []), ...event.nodes]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([round, kinds]) => ({
    round,
    kinds: [...kinds.keys()],
    lines: [...kinds].map(([kind, names]) => (EVENT_WORDS[kind] ?? (() => kind))(
      listed(names.map((name) => run.label(name))))),
  }));
}

// The stretches in which the network was split: [{ from, until }].
function partitions(run) {
  const found = [];
  for (const event of run.report.events) {
    if (event.kind === 'partition') found.push({ from: event.round, until: run.lastNumber });
    if (event.kind === 'heal' && found.length) found.at(-1).until = event.round;
  }
  return found;
}

// Whether to show what only the harness knows. Parts of a view that depend on it listen here.
function newHarness() {
  return {
    revealed: false,
    listeners: [],
    controls: [],
    set(revealed) {
      this.revealed = revealed;
      for (const control of this.controls) control.checked = revealed;
      for (const listener of this.listeners) listener();
    },
  };
}

function revealSwitch({ run, harness }) {
  if (run.byzantineNames.length === 0) return null;
  const onchange = (event) => harness.set(event.target.checked);
  const box = el('input', { type: 'checkbox', role: 'switch', onchange });
  box.checked = harness.revealed;
  harness.controls.push(box);
  return labelled('Reveal who was Byzantine (the harness’s knowledge)', box);
}

const shownAsByzantine = ({ run, harness }, name) => harness.revealed && run.isByzantine(name);

function rolesOf(view, name) {
  const roles = [];
  if (view.run.isolatedNow.has(name)) roles.push('isolated');
  if (view.run.lateNames.has(name)) roles.push('late');
  if (shownAsByzantine(view, name)) roles.push('Byzantine');
  return roles;
}

// The round that the reader looks at; the newest one until a round is chosen.
function newMoment() {
  const listeners = new Set();
  let chosen = null;
  return {
    get round() { return chosen; },
    index(run) {
      const found = chosen === null ? -1 : run.roundNumbers.indexOf(chosen);
      return found < 0 ? run.rounds.length - 1 : found;
    },
    set(round) {
      if (round === chosen) return;
      chosen = round;
      for (const listener of listeners) listener(round);
    },
    onchange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

// What the reader chose, such as the scale of an axis: one choice for views side by side.
function newSettings(chosen = {}) {
  const values = new Map(Object.entries(chosen));
  const listeners = new Set();
  return {
    get: (key) => values.get(key) ?? null,
    set(key, value) {
      if (values.get(key) === value) return;
      values.set(key, value);
      for (const listener of listeners) listener(key, value);
    },
    onchange: (listener) => { listeners.add(listener); },
  };
}

// Buttons for a setting, and what it is. The first of `options` is what holds until one is chosen.
function settingChoice({ settings }, key, label, options, onchange) {
  const value = () => settings.get(key) ?? options[0][0];
  const node = choice(label, options, value(), (chosen) => settings.set(key, chosen));
  settings.onchange((changed) => {
    if (changed !== key) return;
    options.forEach(([option], at) =>
      node.children[at].setAttribute('aria-pressed', option === value()));
    onchange();
  });
  return { controls: el('div', { class: 'controls' }, label, node), value };
}

// How the name of a model that was uploaded begins; its hash follows.
const UPLOAD = 'upload:';
const familyText = (family) => (family.startsWith(UPLOAD)
  ? `an uploaded model, ${short(family.slice(UPLOAD.length))}` : family);
