// The trust table.

const DIMENSIONS = ['overall', 'accuracy', 'consistency', 'recency', 'provenance'];
const LOW_TRUST = 0.5;

function bar(value) {
  if (!known(value)) return MISSING;
  const filled = `${Math.min(1, Math.max(0, value)) * 100}%`;
  return el('div', { class: value < LOW_TRUST ? 'bar low' : 'bar' },
    el('i', { 'aria-hidden': 'true' }, el('b', { style: { width: filled } })),
    el('span', {}, unit(value)));
}

function standing(view) {
  const { run } = view;
  return ({ name }) => {
    const tags = [];
    if (run.isolatedNow.has(name)) tags.push(tag('bad', 'isolated'));
    else if (run.isolatedEver.has(name)) tags.push(tag('', 'was isolated'));
    if (run.lateNames.has(name)) tags.push(tag('late', 'late'));
    if (shownAsByzantine(view, name)) {
      tags.push(tag('note', `Byzantine: ${run.infoOf.get(name).attack ?? 'unnamed attack'}`));
    }
    if (tags.length === 0) {
      return el('span', { class: 'quiet' }, known(run.summary.isolated)
        ? known(run.summary.not_judged) ? 'in the merge, not judged' : 'in the merge'
        : 'not computed');
    }
    return el('div', { class: 'tags' }, tags);
  };
}

const standingRank = (run) => ({ name }) =>
  (run.isolatedNow.has(name) ? 'a' : run.isolatedEver.has(name) ? 'b' : 'c');

function showTrust(view, host) {
  const { run } = view;
  const rows = () => run.sampled.map((name, node) => ({ name, trust: run.lastRound.trust[node] }));
  const dimension = (name) => ({ head: name[0].toUpperCase() + name.slice(1),
    value: ({ trust }) => trust?.[name] ?? null, cell: ({ trust }) => bar(trust?.[name]) });
  const columns = [named('Node', ({ name }) => run.label(name)),
    { head: 'Verdict', cell: standing(view), value: standingRank(run) },
    ...DIMENSIONS.map(dimension)];
  const reveal = revealSwitch(view);
  if (reveal) host.append(el('div', { class: 'controls' }, reveal));
  const at = caption();
  host.append(at);
  const shown = table(host, { label: 'Trust per node after the last round', columns,
    rows: rows() });
  const update = () => {
    at.textContent = `After round ${run.lastNumber}, as seen by the median honest node.`;
    shown.update(rows());
  };
  update();
  return update;
}
