// One run of the server with its views: progress, exports and sections.

const FORGOTTEN = 'The server has forgotten this run, or was started again. What you see here was read '
  + 'before; for the log, the exports and nodes at a moment, run it again.';
const SAY_EVERY_MS = 6000;

const sectionsOf = () => document.getElementById('run-views').content.cloneNode(true);

function progressWords(run) {
  if (run.status === 'waiting') return 'waiting for its turn';
  if (run.error?.code === NEVER_BEGAN) return 'stopped before it began';
  if (run.status === 'failed') return `failed: ${run.error.message}`;
  const { lastRound } = run;
  const states = lastRound ? `, ${plural(lastRound.distinct_states, 'different state')}` : '';
  if (run.stopping && !run.ended) return 'stopping after this round…';
  if (run.status === 'running') {
    const rounds = run.report.config.rounds ?? run.progress?.rounds ?? '…';
    return `round ${run.lastNumber} of ${rounds}${states}`;
  }
  return `${run.status === 'stopped' ? 'stopped' : 'done'} after `
    + `${plural(run.lastNumber, 'round')}${states}`;
}

// Tells those who do not see it, not too often, and the end at once.
function sayProgress(run) {
  let last = 0;
  let said = false;
  return () => {
    if (said || (!run.ended && performance.now() - last < SAY_EVERY_MS)) return;
    last = performance.now();
    said = run.ended;
    if (run.lastRound || run.ended) announce(`The run: ${progressWords(run)}`);
  };
}

const SETTLED_MS = 1500;
const READER_MOVES = ['wheel', 'touchstart', 'pointerdown', 'keydown'];

// What comes into sight is drawn and grows, so the page goes there again until nothing grows any
// more or the reader moves.
function goTo(section, root) {
  const again = () => section.scrollIntoView({ block: 'start' });
  const observer = new ResizeObserver(again);
  const end = () => {
    observer.disconnect();
    for (const move of READER_MOVES) window.removeEventListener(move, end);
  };
  for (const move of READER_MOVES) window.addEventListener(move, end, { passive: true });
  setTimeout(end, SETTLED_MS);
  observer.observe(root);
  again();
  section.setAttribute('tabindex', '-1');
  section.focus({ preventScroll: true });
}

// Links to the sections that stand in `root`, with the names in their headings.
function sectionLinks(root) {
  const nav = el('nav', { class: 'jump', 'aria-label': 'Sections of this run' });
  const links = [...root.querySelectorAll('[data-section]')].map((section) => {
    const name = section.querySelector('h2').textContent;
    return el('li', {}, el('button', { type: 'button', class: 'plain',
      onclick: () => goTo(section, root) }, name));
  });
  nav.append(el('ol', {}, links));
  return nav;
}

// Downloads of what the server has of a run; a report is whole only when the run has ended.
function exportLinks(run) {
  const link = ({ href, name }) => el('a', { href, download: name }, name);
  const { report, reportJson, audit } = run.files;
  return el('span', { class: 'exports' }, 'Download', [report, reportJson, audit].map(link));
}

const KEPT_SETTINGS = ['scale', 'field', 'range'];

const settingsInAddress = () => Object.fromEntries(KEPT_SETTINGS
  .map((key) => [key, fragment.get(key)]).filter(([, value]) => value !== null));

// The view of one run. `page`: { info, stopRun, runChanged }. Returns { run, view, close }.
function openResults(host, id, page, { round } = {}) {
  const run = newRun(serverSource(id));
  const sections = el('div', { class: 'sections' }, sectionsOf());
  const bar = el('progress', { 'aria-label': 'Progress of the run' });
  const words = el('span', { class: 'words' });
  const stop = el('button', { type: 'button', onclick: () => page.stopRun(id) }, 'Stop');
  const share = el('button', { type: 'button', onclick: () =>
    copyText(`${location.origin}${linkOf(run.report.config, page.info.defaults)}`, 'Link') },
  'Copy link');
  const compare = el('button', { type: 'button', onclick: () => page.compare(id) }, 'Compare');
  const exports = el('span', { hidden: true }, exportLinks(run));
  const shown = el('div', {}, sectionLinks(sections), sections);
  const gone = el('p', { class: 'note', role: 'status', hidden: true }, FORGOTTEN);
  host.replaceChildren(
    el('div', { class: 'status-line' }, bar, words, el('span', { class: 'line' }, stop, share,
      compare), exports),
    gone, shown,
  );
  const settings = newSettings(settingsInAddress());
  settings.onchange((key, value) => fragment.set(key, value));
  const view = viewsOf(run, sections, { lazy: true, settings });
  if (known(round)) view.moment.set(round);
  view.moment.onchange((chosen) => fragment.set('round', chosen));
  view.harness.revealed = fragment.get('reveal') === '1';
  view.harness.listeners.push(() =>
    fragment.set('reveal', view.harness.revealed ? '1' : null));
  const say = sayProgress(run);
  const follow = () => {
    words.textContent = progressWords(run);
    document.title = `${run.ended ? run.status : progressWords(run)} · Espalier`;
    bar.hidden = run.ended;
    bar.max = Math.max(1, run.report.config.rounds ?? 1);
    if (run.status === 'waiting') bar.removeAttribute('value');
    else bar.value = run.lastNumber;
    stop.hidden = run.ended;
    shown.hidden = run.status === 'failed' && run.rounds.length === 0;
    share.hidden = compare.hidden = run.rounds.length === 0;
    exports.hidden = !run.ended || run.status === 'failed';
    say();
    page.runChanged(run);
  };
  run.onchange(follow);
  follow();
  const stream = streamInto(run, id);
  return {
    id, run, view,
    stopping() {
      run.stopping = true;
      follow();
    },
    forgotten() {
      gone.hidden = false;
      exports.hidden = true;
    },
    close() {
      stream.close();
      view.dispose();
      host.replaceChildren();
      document.title = 'Espalier';
      redrawCharts();
    },
  };
}
