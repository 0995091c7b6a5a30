// The grid and what follows from it at once: its axes, its runs by group, and averages.

const { config, cells, groups: summaries, protocol } = grid;

// Written out as they stand: a seed may be larger than what a number here holds exactly.
const seeds = (/"seeds":\[([^\]]*)\]/.exec(text)?.[1] ?? '').split(',');
const calmSeeds = (/"seeds_without_liars":\[([^\]]*)\]/.exec(text)?.[1] ?? '').split(',');

// Where nothing was merged the file has the greatest number there is, or null after averaging it.
const NOTHING_FROM = 1e300;
// A plain mean farther off than this was harmed.
const HARM = 0.1;

const errorOf = (value) => (known(value) && value < NOTHING_FROM ? value : Infinity);
const errorsOf = (rules) =>
  Object.fromEntries(Object.entries(rules).map(([name, value]) => [name, errorOf(value)]));
const pairOf = (pair) => (pair ? { error: errorOf(pair[0]), name: pair[1] } : null);

function bestOf(rules) {
  const pairs = Object.entries(rules).map(([name, error]) => ({ name, error }));
  return pairs.reduce((best, pair) => (best && best.error <= pair.error ? best : pair), null);
}

// Seeds are the innermost axis of the file; of a grid that was stopped some cells are missing.
function seedText({ seed }, index) {
  const inTurn = seeds[index % seeds.length];
  return Number(inTurn) === seed ? inTurn
    : [...seeds, ...calmSeeds].find((text) => Number(text) === seed);
}

// A run: its place on every axis, and what it found.
const runs = cells.map((result, index) => {
  const rules = errorsOf(result.rules);
  return { ...result, ...result.cell, seed: seedText(result.cell, index), rules,
    error: errorOf(result.error), mean: errorOf(result.mean), best: bestOf(rules) };
});

// A group: runs that differ in attack and seed only, with the figures over attacks on the model.
const groups = summaries.map((group) => ({ ...group, ...group.key, mean: errorOf(group.mean),
  worst: pairOf(group.worst), ruleMean: pairOf(group.rule_mean),
  ruleWorst: pairOf(group.rule_worst) }));

const unique = (values) => [...new Set(values)];
const shares = unique(config.shares);
const attacks = unique(config.attacks);
const onProtocol = new Set(protocol.map(({ attack }) => attack));
const modelAttacks = attacks.filter((attack) => !onProtocol.has(attack));
const ruleNames = unique(runs.flatMap((run) => Object.keys(run.rules)));

const placeOf = ({ nodes, spread, topology, share: liars }) =>
  JSON.stringify([nodes, spread, topology, liars]);
const runsAt = new Map();
for (const run of runs) {
  const place = placeOf(run);
  if (!runsAt.has(place)) runsAt.set(place, []);
  runsAt.get(place).push(run);
}
const groupAt = new Map(groups.map((group) => [placeOf(group), group]));

// The runs of one attack, one for each seed. Where nobody lies, one run stands for all attacks.
function runsOf(place, attack) {
  const all = runsAt.get(placeOf(place)) ?? [];
  return all[0]?.liars === 0 ? all : all.filter((run) => run.attack === attack);
}

// The mean over some runs; null if there are none or one of them lacks the value.
function meanOf(some, look) {
  const values = some.map(look);
  return values.every(known) ? mean(values) : null;
}

// Over the attacks on the model in a group: the mean and the greatest of what `look` sees, each
// averaged over the seeds first. Null if a run lacks it.
function overAttacks(group, look) {
  const all = group.liars === 0 ? modelAttacks.slice(0, 1) : modelAttacks;
  const seen = all.map((attack) => ({ name: attack, error: meanOf(runsOf(group, attack), look) }));
  if (seen.length === 0 || !seen.every(({ error }) => known(error))) return null;
  const worst = seen.reduce((most, one) => (one.error > most.error ? one : most));
  return { mean: mean(seen.map(({ error }) => error)), worst };
}

const isHarmful = (run) => run.liars > 0 && run.mean > HARM;

// Errors are shown, and therefore compared, to three digits after the point.
const shown = (error) => Number(error.toFixed(3));
const isLost = (ours, theirs) => known(ours) && known(theirs) && shown(ours) > shown(theirs);

function errorText(value) {
  if (!known(value)) return MISSING;
  if (value === Infinity) return 'nothing merged';
  return value >= 1e4 ? quantity(value, 3) : value.toFixed(3);
}

const errors = (head, value, extra = {}) =>
  ({ head, value, number: true, cell: (row) => errorText(value(row)), ...extra });
const liarsColumn = { head: 'Liars', number: true, value: (at) => at.liars / at.nodes,
  cell: (at) => `${at.share} (${count(at.liars)})` };

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const quiet = (text) => el('span', { class: 'quiet' }, text);

// An error with the name of the rule or the attack it belongs to.
const namedError = (pair) =>
  (pair ? [quiet(pair.name), ' ', errorText(pair.error)] : MISSING);

// Our error; a tag if the other is smaller.
const judged = (ours, theirs) =>
  (isLost(ours, theirs) ? [tag('bad', 'lost'), errorText(ours)] : errorText(ours));
