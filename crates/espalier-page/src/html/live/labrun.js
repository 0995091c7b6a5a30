// One lab: its cells as they come, and the views of the whole grid at its end.

const LAB_PAUSE_MS = 400;

const LAB_HOW = 'A row is a run that has ended. The error is how far the merged model is from '
  + 'the mean of the honest nodes alone, in honest spreads: 0 is perfect, 1 is no better than one '
  + 'honest model. Ours is not told who lies or how many; the best rule next to it is told how many, '
  + 'and is chosen afterwards, anew for every row.';

const labError = (value) => (value < 1e300 ? quantity(value, 3) : 'nothing merged');

function bestRule(rules) {
  const sorted = Object.entries(rules).sort(([, a], [, b]) => a - b);
  return sorted.length ? sorted[0] : null;
}

const LAB_COLUMNS = [
  plain('Attack', ({ cell, liars }) => (liars ? cell.attack : 'nobody lies')),
  numeric('Liars', ({ liars }) => liars),
  numeric('Nodes', ({ cell }) => cell.nodes),
  plain('Spread', ({ cell }) => cell.spread),
  named('Network', ({ cell }) => cell.topology),
  numeric('Error', ({ error }) => error, labError),
  { head: 'Best rule, told f', number: true, value: ({ rules }) => bestRule(rules)?.[1] ?? null,
    cell: ({ rules }) => (bestRule(rules) ? [el('span', { class: 'quiet' }, bestRule(rules)[0]),
      ` ${labError(bestRule(rules)[1])}`] : MISSING) },
  numeric('Plain mean', ({ mean: plainMean }) => plainMean, labError),
  numeric('Liars found', ({ liars, recall }) => (liars ? recall : null), share),
  numeric('Liars’ weight', ({ weight }) => weight, percent),
  numeric('Honest isolated', ({ honest_isolated: honest }) => honest),
];

// Liars that were found, and of those that were isolated the share that lied.
function labDetection(cells) {
  const some = cells.filter(({ liars }) => liars > 0);
  const found = some.reduce((sum, { recall, liars }) => sum + recall * liars, 0);
  const honest = some.reduce((sum, each) => sum + each.honest_isolated, 0);
  return { recall: mean(some.map(({ recall }) => recall)),
    precision: found + honest > 0 ? found / (found + honest) : null };
}

function labTiles(cells) {
  const { recall, precision } = labDetection(cells);
  const finite = cells.map(({ error }) => error).filter((error) => error < 1e300);
  const best = cells.map(({ rules }) => bestRule(rules)?.[1]).filter(known);
  const plainMeans = cells.map(({ mean: plainMean }) => plainMean);
  return el('dl', { class: 'tiles' },
    tile('Our mean error', quantity(mean(finite), 3), `best rule of each cell, told f: `
      + `${quantity(mean(best), 3)}; plain mean: ${quantity(mean(plainMeans), 3)}`),
    tile('Recall', share(recall), 'of the liars that were isolated'),
    tile('Precision', share(precision), 'of those isolated, the share that lied'),
    tile('Liars’ weight', percent(mean(cells.map(({ weight }) => weight))),
      'of the final weight, on average'));
}

// A cell of the grid as the configuration of a run.
function configOfCell(cell, grid, defaults) {
  const profile = grid.profile ?? (cell.spread.startsWith('clusters') ? 'clustered' : 'strict');
  return { ...defaults, model: grid.model, nodes: cell.nodes, rounds: cell.trust.length,
    topology: cell.topology, spread: cell.spread, byzantine: cell.share,
    // Where nobody lies an attack would be without effect, which is refused.
    attack: parseFloat(cell.share) === 0 ? defaults.attack : [cell.attack],
    retrain: grid.retrain?.every ?? null, attest: grid.attest, profile, seed: numberOr(cell.seed) };
}

function showGridViews(host, grid, text, page) {
  const root = el('div', { class: 'sections' },
    document.getElementById('grid-views').content.cloneNode(true));
  host.replaceChildren(root);
  const runCell = (cell) => page.runConfig(configOfCell(cell, grid.config, page.info.defaults));
  for (const [section, draw] of gridViews(root, grid, text, { runCell })) {
    try {
      draw();
    } catch (error) {
      console.error(error);
      root.querySelector(`[data-section="${section}"] > .body`)
        .append(note(`This part could not be drawn: ${error.message}`));
    }
  }
}

function labWords({ status, done, cells, error, stopping }) {
  if (status === 'waiting') return 'waiting for its turn';
  if (status === 'failed') return `failed: ${error?.message ?? 'without a reason'}`;
  if (status === 'running') {
    return `${stopping ? 'stopping, ' : ''}${count(done)} of ${plural(cells, 'run')}`;
  }
  return `${status} after ${plural(done, 'run')}`;
}

// The parts of a lab on the page: status, figures so far, and the place for the views of its end.
function labParts(host, lab, stop) {
  const bar = el('progress', { 'aria-label': 'Progress of the lab', max: lab.cells });
  const words = el('span', { class: 'words' });
  const button = el('button', { type: 'button', onclick: stop }, 'Stop');
  const address = `${API}/labs/${encodeURIComponent(lab.id)}/report.html`;
  const link = el('a', { href: address, download: 'byzantine.html' }, 'byzantine.html');
  const exports = el('span', {}, el('span', { class: 'exports' }, 'Download', link));
  const place = el('div');
  const soFar = el('section', {}, el('h2', {}, 'Cells so far'), el('details', { class: 'how' },
    el('summary', {}, 'How to read this'), el('p', {}, LAB_HOW)));
  host.replaceChildren(el('div', { class: 'status-line' }, bar, words, button, exports), place);
  const tiles = el('div');
  soFar.append(tiles);
  place.append(soFar);
  const rows = table(soFar, { label: 'Cells so far', rows: [], columns: LAB_COLUMNS });
  return { place,
    status(state, ended) {
      words.textContent = labWords(state);
      bar.hidden = button.hidden = ended;
      exports.hidden = !ended || state.done === 0;
      bar.value = state.done;
    },
    found(results) {
      tiles.replaceChildren(labTiles(results));
      rows.update(results);
    } };
}

// Follows one lab. `changed(state)` hears how it is. Returns { id, close }.
function openLab(host, lab, page, changed) {
  const address = `${API}/labs/${encodeURIComponent(lab.id)}/events`;
  const state = { ...lab };
  const results = [];
  let timer = 0;
  let waiting = 0;
  let source = null;
  // Runs that are under way come to their end first.
  const stop = () => {
    state.stopping = true;
    soon();
    api('DELETE', `/labs/${encodeURIComponent(lab.id)}`).catch((error) => announce(error.message));
  };
  const parts = labParts(host, lab, stop);
  const ended = () => ['done', 'stopped', 'failed'].includes(state.status);

  function show() {
    timer = 0;
    parts.status(state, ended());
    if (results.length && parts.place.querySelector('.tiles, .frame')) parts.found(results);
    changed(state);
  }

  const soon = () => { timer ||= setTimeout(show, LAB_PAUSE_MS); };

  function end(status) {
    Object.assign(state, status);
    close();
    show();
    announce(`The lab: ${labWords(state)}`);
  }

  const handlers = {
    status: ({ status }) => (['stopped', 'failed'].includes(status) ? end({ status })
      : (state.status = status, soon())),
    cell: ({ done, cells, result }) => {
      results.push(result);
      Object.assign(state, { done, cells, status: 'running' });
      soon();
    },
    ending: ({ status, grid }, text) => {
      end({ status, done: grid.cells.length });
      if (grid.cells.length) showGridViews(parts.place, grid, text, page);
    },
    failed: ({ error }) => end({ status: 'failed', error }),
  };

  function close() {
    clearTimeout(timer);
    clearTimeout(waiting);
    connection.report(address, true);
    source?.close();
  }

  function open() {
    results.length = 0;
    source = new EventSource(address);
    source.onopen = () => connection.report(address, true);
    source.onerror = () => {
      connection.report(address, false);
      if (source.readyState === EventSource.CLOSED) waiting = setTimeout(open, RETRY_MS);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, ({ data }) => handle(JSON.parse(data), data));
    }
  }

  show();
  open();
  return { id: lab.id, close };
}
