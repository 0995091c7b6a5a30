// The trust of one honest replica over the rounds of one run.

const ROLES = [
  { key: 'honest', label: 'in the honest nodes', colour: 'accent', dash: 'solid' },
  { key: 'liars', label: 'in the liars', colour: 'bad', dash: 'dash' },
];

// Where nobody lies there is no trust in liars.
const rolesOf = (run) => (run.liars > 0 ? ROLES : ROLES.slice(0, 1));

// The rounds that are marked, those of one round together.
function marksOf(run) {
  const marks = new Map();
  for (const [round, text] of [[run.converged, 'one state'], [run.isolated, 'isolated']]) {
    if (known(round)) marks.set(round, [...(marks.get(round) ?? []), text]);
  }
  return [...marks].map(([round, texts]) => ({ round, text: texts.join(', ') }));
}

function trustTrace(colours, run, rounds, { label, colour, dash }, role) {
  return { x: rounds, y: run.trust.map((both) => both[role]), mode: 'lines+markers',
    line: { color: colours[colour], width: 3, dash }, marker: { size: rounds.length > 60 ? 3 : 7 },
    hovertemplate: `${label}: %{y:.3f}<br>round %{x}<extra></extra>`,
    meta: { key: label, label } };
}

function trustChart(colours, width, run) {
  const rounds = run.trust.map((_, round) => round);
  const marks = marksOf(run);
  const beyond = rounds.length / 2;
  return {
    data: rolesOf(run).map((role, index) => trustTrace(colours, run, rounds, role, index)),
    layout: {
      xaxis: wholeAxis(width, rounds, { title: { text: 'round', standoff: 6 } }),
      yaxis: { title: { text: 'mean trust' }, range: [-0.04, 1.04] },
      shapes: marks.map(({ round }) => ({ type: 'line', x0: round, x1: round, yref: 'paper', y0: 0,
        y1: 1, line: { color: colours.muted, width: 1.5, dash: 'dot' } })),
      annotations: marks.map(({ round, text }, index) => ({ x: round, yref: 'paper', y: 1,
        yanchor: 'bottom', yshift: 14 * index, xanchor: round > beyond ? 'right' : 'left', text,
        showarrow: false, font: { size: 11.5 } })),
      margin: { l: 60, r: 16, t: 40, b: 46 },
    },
  };
}

function trustText(run) {
  const end = (round, what) => (known(round) ? `${what} from round ${round} on` : `never ${what}`);
  const found = run.liars > 0
    ? ` ${share(run.recall)} of ${plural(run.liars, 'liar')} found, ` : ' ';
  return `${plural(run.nodes, 'node')}, spread ${run.spread}, network ${run.topology}. The honest `
    + `replicas are ${end(run.converged, 'in one state')}, the final set is `
    + `${end(run.isolated, 'isolated by all of them')}.${found}`
    + `${plural(run.honest_isolated, 'honest node')} isolated, error ${errorText(run.error)}.`;
}

// Something to see at first: an attack that is found by most, else the first.
function firstCell() {
  const worth = runs.filter((run) => isHarmful(run) && run.recall === 1);
  const most = worth.reduce((best, run) => (best && best.liars >= run.liars ? best : run), null);
  const first = most ?? runs.find((run) => run.liars > 0) ?? runs[0];
  return { share: first.share, attack: first.attack, seed: first.seed };
}

function trustControls(state, draw) {
  const pick = (name, label, values) => (values.length < 2 ? null : labelled(label, select(
    values.map((value) => [value, value]), state[name],
    (value) => { state[name] = value; draw(); })));
  return el('div', { class: 'controls' }, settingControls(), pick('share', 'Liars', shares),
    pick('attack', 'Attack', attacks), pick('seed', 'Seed', unique(seeds)));
}

function showTrust() {
  const host = body('trust');
  if (runs.length === 0) {
    host.append(note('There are no runs.'));
    return;
  }
  const state = firstCell();
  const chosenRun = () => {
    const some = runsOf(placeFor(state.share), state.attack);
    return some.find((run) => run.seed === state.seed) ?? some[0];
  };
  const text = caption();
  const inside = el('div');
  host.append(trustControls(state, () => change()), text);
  const drawn = chart(host, 'Mean trust over the rounds of one run', 340,
    (colours, width) => trustChart(colours, width, chosenRun()));
  host.append(inside);
  const draw = () => {
    const run = chosenRun();
    text.replaceChildren(trustText(run));
    inside.replaceChildren();
    const rows = run.trust.map((both, round) => ({ round, both }));
    figures(inside, 'Mean trust per round', [numeric('Round', ({ round }) => round),
      ...rolesOf(run).map(({ label }, role) =>
        numeric(capital(label), ({ both }) => both[role], unit))], rows);
  };
  const change = () => { draw(); drawn.draw(); };
  setting.listeners.push(change);
  draw();
}
