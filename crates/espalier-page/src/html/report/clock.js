// The causal clocks of one round, and how two of them compare.

const FORKED = -1;
const CLOCKS_AT_FIRST = 32;

// A forked author stands above every sequence number.
const height = (entry) => (entry === FORKED ? Infinity : (entry ?? 0));

function atOrBefore(a, b) {
  return Object.entries(a).every(([author, entry]) => height(entry) <= height(b[author]));
}

function relation(a, b) {
  const before = atOrBefore(a, b);
  const after = atOrBefore(b, a);
  if (before && after) return 'equal';
  return before ? 'before' : after ? 'after' : 'concurrent';
}

const RELATIONS = {
  equal: (a, b) => `${a} = ${b}: both have seen the same.`,
  before: (a, b) => `${a} ≤ ${b}: ${b} has seen all that ${a} has, and more.`,
  after: (a, b) => `${a} ≥ ${b}: ${a} has seen all that ${b} has, and more.`,
  concurrent: (a, b) => `${a} ∥ ${b}: concurrent. Each has seen what the other has not.`,
};

function clockCell(entry) {
  if (entry === FORKED) {
    return el('td', { class: 'forked', title: 'signed two operations with one number' },
      'forked ⊤');
  }
  if (!entry) return el('td', { class: 'zero', title: 'nothing seen yet' }, '·');
  return el('td', {}, String(entry));
}

// What a clock has seen it never forgets, so the last round names every author.
function clockAuthors({ report, rounds }) {
  const names = report.nodes.map((node) => node.name);
  const last = rounds.slice(-2);
  const seen = new Set(last.flatMap((round) => round.clock.flatMap((clock) => Object.keys(clock))));
  return names.filter((name) => seen.has(name));
}

function clockTable({ sampled }, round, nodes, authors, chosen) {
  const head = authors.map((name) => el('th', { scope: 'col' }, nameText(name)));
  const rows = nodes.map((node) => el('tr', { class: chosen.includes(node) ? 'chosen' : null },
    el('th', { scope: 'row' }, nameText(sampled[node])),
    authors.map((author) => clockCell(round.clock[node]?.[author]))));
  return el('table', { class: 'grid' },
    el('caption', { class: 'visually-hidden' }, `Clocks after round ${round.round}`),
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'node \\ author'), head)),
    el('tbody', {}, rows));
}

// Two nodes to begin with: if possible concurrent, else at least different.
function firstPair({ sampled }, round) {
  const others = sampled.map((_, node) => node).slice(1);
  const related = (kinds) => others.find((node) =>
    kinds.includes(relation(round.clock[0] ?? {}, round.clock[node] ?? {})));
  return [0, related(['concurrent']) ?? related(['before', 'after']) ?? others[0] ?? 0];
}

function clockControls({ run: { sampled, rounds }, moment }, state, draw) {
  const options = sampled.map((name, node) => [String(node), name]);
  const pick = (slot) => select(options, String(state.chosen[slot]), (value) => {
    state.chosen[slot] = Number(value);
    draw();
  });
  const slider = el('input', { type: 'range', min: 0, max: rounds.length - 1, step: 1,
    value: state.index, oninput: () => moment.set(rounds[Number(slider.value)].round) });
  const at = el('output', {});
  const controls = el('div', {},
    el('div', { class: 'controls' }, labelled('Round', slider, { class: 'grow' }), at),
    el('div', { class: 'controls' }, labelled('Compare', pick(0)), labelled('with', pick(1))));
  return { controls, slider, at };
}

// The middle of the run up to agreement is where clocks differ.
function tellingRound({ rounds, summary, lastNumber }) {
  const agreed = summary.rounds_to_converge ?? lastNumber;
  return Math.max(0, rounds.findIndex((round) => round.round >= Math.floor(agreed / 2)));
}

function showClock(view, host) {
  const { run, moment } = view;
  const { sampled } = run;
  const index = () => (moment.round === null ? tellingRound(run) : moment.index(run));
  const state = { index: index(), chosen: [0, 0], limit: CLOCKS_AT_FIRST };
  state.chosen = firstPair(run, run.rounds[state.index]);
  const { controls, slider, at } = clockControls(view, state, draw);
  const frame = el('div', { class: 'frame', tabindex: 0, role: 'group',
    'aria-label': 'Clock per node' });
  const verdict = el('p', { class: 'note', 'aria-live': 'polite' });
  const showAll = () => { state.limit = Infinity; draw(); frame.focus(); };
  const more = el('button', { type: 'button', onclick: showAll });
  host.append(controls, verdict, frame, more);

  function draw() {
    const round = run.rounds[state.index];
    const everyAuthor = clockAuthors(run);
    const nodes = sampled.map((_, node) => node).slice(0, state.limit);
    const authors = everyAuthor.slice(0, state.limit);
    at.textContent = `round ${round.round} of ${run.lastNumber}`;
    const [a, b] = state.chosen;
    const clock = (node) => round.clock[node] ?? {};
    const words = RELATIONS[relation(clock(a), clock(b))](sampled[a], sampled[b]);
    if (verdict.textContent !== words) verdict.textContent = words;
    frame.replaceChildren(clockTable(run, round, nodes, authors, state.chosen));
    more.hidden = Math.max(sampled.length, everyAuthor.length) <= state.limit;
    more.textContent = `Show all ${count(sampled.length)} nodes and `
      + `${count(everyAuthor.length)} authors`;
  }

  const update = () => {
    slider.max = run.rounds.length - 1;
    state.index = index();
    slider.value = state.index;
    draw();
  };
  moment.onchange(() => view.touch(host));
  draw();
  return update;
}
