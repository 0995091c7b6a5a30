// Heat maps of attacks by shares of liars: errors, and what the trust made of the liars. They are
// tables with grounds, so that they can be read, sorted and reached like any other.

// Errors of this many honest spreads and more have the full colour; differences of half of it.
// Colours go by the square root: differences between small errors are what matters most.
const FULL_ERROR = 1;
// The full colour leaves the text on it legible.
const FULL_COLOUR = { bad: 55, calm: 70 };

function tinted(kind, level) {
  const part = Math.round(FULL_COLOUR[kind] * Math.min(1, Math.max(0, level)));
  return `color-mix(in srgb, var(--${kind}) ${part}%, var(--panel))`;
}

const ramp = (from, to) => `linear-gradient(90deg, ${from}, ${to})`;

// Entries are [ground, text]; those without a ground are text alone.
function key(...entries) {
  return el('div', { class: 'legend' }, entries.map(([background, text]) => el('span',
    { class: 'key' }, background && el('i', { class: 'chip ramp', style: { background } }),
    el('span', {}, text))));
}

// A column for each share of liars: `look` gives the value of a place and an attack.
const shareColumns = (look, write, tint) => shares.map((liars) => {
  const place = placeFor(liars);
  const value = (attack) => look(place, attack);
  const lying = runsAt.get(placeOf(place))?.[0]?.liars;
  return { head: liars, number: true, value, cell: (attack) => write(attack, place),
    title: `${count(lying)} of ${plural(setting.nodes, 'node')} lie`,
    tint: (attack) => (known(value(attack)) ? tint(value(attack), attack, place) : null) };
});

const attackColumn = { head: 'Attack', value: (attack) => attacks.indexOf(attack),
  cell: (attack) => attack };

function heatTable(host, label, bands, columns) {
  host.replaceChildren();
  table(host, { label, bands: bands && [['', 1], ...bands], rows: attacks,
    columns: [attackColumn, ...columns] });
}

// Errors

const BY_MEAN = 'best rule by mean error';
const BY_WORST = 'best rule by worst error';
const PLAIN = 'plain mean';

// The rule that a baseline stands for among the runs of a place.
function ruleAt(baseline, place) {
  if (baseline === BY_MEAN) return groupAt.get(placeOf(place))?.ruleMean?.name;
  if (baseline === BY_WORST) return groupAt.get(placeOf(place))?.ruleWorst?.name;
  return baseline;
}

const ourError = (place, attack) => meanOf(runsOf(place, attack), (run) => run.error);

function baseError(baseline, place, attack) {
  const rule = ruleAt(baseline, place);
  const look = baseline === PLAIN ? (run) => run.mean : (run) => run.rules[rule];
  return meanOf(runsOf(place, attack), look);
}

function difference(baseline, place, attack) {
  const [ours, theirs] = [ourError(place, attack), baseError(baseline, place, attack)];
  if (!known(ours) || !known(theirs)) return null;
  return ours === theirs ? 0 : ours - theirs;
}

function signed(value) {
  if (!known(value)) return MISSING;
  const size = errorText(Math.abs(value));
  if (shown(value) === 0) return size;
  return `${value > 0 ? '+' : '−'}${size}`;
}

const errorTint = (error) => tinted('bad', Math.sqrt(error / FULL_ERROR));
const differenceTint = (value) =>
  tinted(value > 0 ? 'bad' : 'calm', Math.sqrt((2 * Math.abs(value)) / FULL_ERROR));

function ourCell(baseline, place, attack) {
  const ours = ourError(place, attack);
  if (!isLost(ours, baseError(baseline, place, attack))) return errorText(ours);
  return [el('span', { class: 'behind', title: `behind ${baseline}` }, '▲',
    el('span', { class: 'visually-hidden' }, 'behind ')), errorText(ours)];
}

// Which rules the baseline stands for, where it differs by the share.
function baselineText(baseline) {
  if (baseline !== BY_MEAN && baseline !== BY_WORST) return null;
  const at = new Map();
  for (const liars of shares) {
    const rule = ruleAt(baseline, placeFor(liars));
    if (rule) at.set(rule, [...(at.get(rule) ?? []), liars]);
  }
  if (at.size === 0) return null;
  const parts = [...at].map(([rule, liars]) => `${rule} at ${liars.join(', ')}`);
  return ` The ${baseline} is ${parts.join('; ')}.`;
}

function countLost(baseline) {
  const places = shares.map(placeFor);
  const pairs = attacks.flatMap((attack) => places.map((place) =>
    [ourError(place, attack), baseError(baseline, place, attack)]))
    .filter((pair) => pair.every(known));
  const lost = pairs.filter(([ours, theirs]) => isLost(ours, theirs)).length;
  return `Ours is behind in ${count(lost)} of ${plural(pairs.length, 'cell')}.`;
}

function drawErrors(host, { view, baseline }) {
  const ours = shareColumns(ourError,
    (attack, place) => ourCell(baseline, place, attack), errorTint);
  const theirs = shareColumns((place, attack) => baseError(baseline, place, attack),
    (attack, place) => errorText(baseError(baseline, place, attack)), errorTint);
  const apart = shareColumns((place, attack) => difference(baseline, place, attack),
    (attack, place) => signed(difference(baseline, place, attack)), differenceTint);
  const label = `Error by attack and share of liars, ${settingText()}`;
  const told = baseline === PLAIN ? baseline : `${baseline}, told f`;
  if (view === 'ours') heatTable(host, label, null, ours);
  else if (view === 'difference') {
    heatTable(host, label, [[`Ours − ${told}`, shares.length]], apart);
  } else {
    heatTable(host, label, [['Ours, not told f', shares.length], [capital(told), shares.length]],
      [...ours, ...theirs]);
  }
}

function errorKey(view) {
  if (view === 'difference') {
    return key([ramp(tinted('calm', 1), 'var(--panel)'), 'ours nearer to the honest mean'],
      [ramp('var(--panel)', tinted('bad', 1)), 'the other nearer; full colour from 0.5']);
  }
  return key([ramp('var(--panel)', tinted('bad', 1)), 'error from 0 to 1 honest spread or more'],
    [null, '▲ ours is behind']);
}

function showError() {
  const host = body('error');
  const state = { view: 'beside', baseline: BY_MEAN };
  const baselines = [BY_MEAN, BY_WORST, PLAIN, ...ruleNames];
  const drawn = el('div', { class: 'heatmap' });
  const [text, legend] = [caption(), el('div')];
  const draw = () => {
    drawErrors(drawn, state);
    text.replaceChildren(...[`${settingText()}. `, countLost(state.baseline),
      baselineText(state.baseline)].filter(known));
    legend.replaceChildren(errorKey(state.view));
  };
  const change = (name) => (value) => { state[name] = value; draw(); };
  host.append(el('div', { class: 'controls' }, settingControls(),
    labelled('Compare with', select(baselines.map((name) => [name, name]), state.baseline,
      change('baseline'))),
    choice('Show', [['beside', 'Side by side'], ['difference', 'Difference'], ['ours', 'Ours']],
      state.view, change('view'))), text, drawn, legend);
  setting.listeners.push(draw);
  draw();
}

// What the trust made of the liars

// Where the plain mean was not harmed, there was little to find.
const harmfulOf = (some) => some.filter(isHarmful);
const didHarm = (place, attack) => harmfulOf(runsOf(place, attack)).length > 0;

function recallOf(place, attack) {
  const some = runsOf(place, attack).filter((run) => run.liars > 0);
  const harmful = harmfulOf(some);
  return meanOf(harmful.length ? harmful : some, (run) => run.recall);
}

function recallCell(attack, place) {
  const value = share(recallOf(place, attack));
  if (value === MISSING || didHarm(place, attack)) return value;
  return el('span', { class: 'quiet', title: 'the plain mean was not harmed' }, `(${value})`);
}

const honestShare = (run) => run.honest_isolated / Math.max(1, run.nodes - run.liars);
const simple = (look) => (place, attack) => meanOf(runsOf(place, attack), look);

const DETECTIONS = {
  recall: { name: 'Liars found', look: recallOf, write: recallCell,
    tint: (value, attack, place) => (didHarm(place, attack) ? tinted('calm', value) : null),
    key: () => key([ramp('var(--panel)', tinted('calm', 1)), 'none to all of the liars isolated'],
      [null, '( ) the plain mean was not harmed']) },
  weight: { name: 'Liars’ weight', look: simple((run) => run.weight),
    tint: (value) => tinted('bad', 2 * value),
    key: () => key([ramp('var(--panel)', tinted('bad', 1)), 'none to half of the final weight']) },
  honest: { name: 'Honest isolated', look: simple(honestShare),
    tint: (value) => tinted('bad', 4 * value),
    key: () => key([ramp('var(--panel)', tinted('bad', 1)),
      'none to a quarter of the honest nodes']) },
};

function showDetection() {
  const host = body('detection');
  const state = { figure: 'recall' };
  const drawn = el('div', { class: 'heatmap' });
  const [text, legend] = [caption(), el('div')];
  const draw = () => {
    const { name, look, tint, write, key: legendOf } = DETECTIONS[state.figure];
    const plainCell = (attack, place) => percent(look(place, attack));
    heatTable(drawn, `${name} by attack and share of liars, ${settingText()}`, null,
      shareColumns(look, write ?? plainCell, tint));
    text.replaceChildren(`${name}, ${settingText()}.`);
    legend.replaceChildren(legendOf());
  };
  const options = Object.entries(DETECTIONS).map(([figure, { name }]) => [figure, name]);
  host.append(el('div', { class: 'controls' }, settingControls(),
    choice('Show', options, state.figure, (figure) => { state.figure = figure; draw(); })),
  text, drawn, legend);
  setting.listeners.push(draw);
  draw();
}
