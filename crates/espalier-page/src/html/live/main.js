// The live page: what the server offers, a form, the runs, and the tabs.

const WELCOME = 'Nodes with models of their own meet, gossip, and end with one merged model. Run '
  + 'an example, or set up a federation of your own; what happens is drawn here while it happens.';

// What there is to see before anything was run: the examples, each a button.
function welcome({ presets }, run) {
  const card = ({ name, title, text }) => el('li', {},
    el('button', { type: 'button', class: 'card', onclick: () => run(name) },
      el('strong', {}, title), el('span', {}, text)));
  return el('div', { class: 'welcome' }, el('h2', {}, 'Start with an example'),
    el('p', { class: 'lede' }, WELCOME), el('ul', { class: 'cards' }, presets.map(card)));
}

async function offers() {
  const [info, presets] = await Promise.all([api('GET', '/info'), api('GET', '/presets')]);
  return { info, presets };
}

// Waits for a server that is not there (yet).
async function untilThere(ask) {
  for (;;) {
    try {
      const answer = await ask();
      connection.report('start', true);
      return answer;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      connection.report('start', false);
      await new Promise((done) => { setTimeout(done, RETRY_MS); });
    }
  }
}

function workbench(page) {
  const host = document.getElementById('results');
  const { info } = page;
  let open = null;

  const form = setupForm(document.getElementById('setup'), page, {
    run: (config) => page.runConfig(config),
    stop: () => open && page.stopRun(open.id),
  });
  const list = sessionList(document.querySelector('#sessions > .body'), {
    open: (id) => page.openRun(id), compare: (id) => page.compare(id),
    remove: (id) => page.stopRun(id),
  });

  page.runChanged = (run) => {
    if (open?.run !== run) return;
    form.running(!run.ended);
    if (run.ended) list.refresh();
    if (run.status === 'failed' && run.error.code !== NEVER_BEGAN) form.complain(run.error);
  };
  list.onchange((runs) => {
    if (open?.run.ended && !runs.some(({ id }) => id === open.id)) open.forgotten();
  });
  page.openRun = (id, { round } = {}) => {
    page.showTab('run');
    open?.close();
    open = null;
    open = openResults(host, id, page, { round });
    page.runChanged(open.run);
    list.mark(id);
    fragment.set('run', id);
    fragment.set('round', round);
    const config = list.runs.find((run) => run.id === id)?.config;
    if (!config) return;
    form.write(config);
    showQuery(queryOfConfig(config, info.defaults));
  };
  page.closeRun = () => {
    open.close();
    open = null;
    fragment.set('run', null);
    fragment.set('round', null);
    greet();
  };
  page.runConfig = async (config, looking) => {
    if (!form.check(config)) return;
    try {
      const { id } = await api('POST', '/runs', { config });
      await list.refresh();
      if (!looking) fragment.enter();
      page.openRun(id, looking);
      // On narrow screens the results lie below the form.
      if (host.getBoundingClientRect().top > window.innerHeight * 0.6) host.scrollIntoView();
    } catch (error) {
      form.complain({ field: error.field, message: error instanceof ApiError ? error.message
        : 'The server does not answer.' });
    }
  };
  // Stops what goes on, and forgets what has ended.
  page.stopRun = async (id) => {
    if (open?.id === id && open.run.ended) page.closeRun();
    if (open?.id === id) open.stopping();
    try {
      await api('DELETE', `/runs/${encodeURIComponent(id)}`);
    } catch (error) {
      announce(error.message);
    }
    list.refresh();
  };
  page.modelsChanged = (models) => form.models(models);
  const greet = () => host.replaceChildren(welcome(page, (name) => {
    form.take(name);
    page.runConfig(form.read());
  }));
  greet();
  return { form, list, refresh: () => open?.view.refresh() };
}

// A link asks for a run: one that the server has is shown, any other is run. Without a link the
// run that was last looked at is shown again.
function followLink(page, list, search) {
  const config = configOfQuery(search, page.info.defaults);
  const id = fragment.get('run');
  const round = /^\d{1,4}$/.test(fragment.get('round')) ? Number(fragment.get('round')) : null;
  const asked = (run) => !config || same({ ...page.info.defaults, ...run.config }, config);
  const found = list.runs.find((run) => run.id === id && asked(run))
    ?? (config && list.runs.find((run) => run.status !== 'stopped' && run.status !== 'failed'
      && asked(run)));
  if (found) page.openRun(found.id, { round });
  else if (config) {
    page.form.write(config);
    page.runConfig(config, { round });
  }
}

async function start() {
  followTheme();
  followHistory();
  window.addEventListener('load', redrawCharts);
  const search = location.search;
  const tab = fragment.get('tab');
  const page = { fragment };
  const made = new Map();
  const makers = {
    lab: (host) => showLab(host, page),
    about: (host) => showAbout(host, page),
    compare: (host) => showCompare(host, page, page.list),
  };
  page.showTab = followTabs((name, panel) => {
    if (page.list && makers[name] && !made.has(name)) {
      made.set(name, makers[name](panel.querySelector('.body')) ?? null);
    }
    (name === 'run' ? page.refresh : made.get(name)?.refresh)?.();
  });
  Object.assign(page, await untilThere(offers));
  page.compare = (id) => {
    page.showTab('compare');
    made.get('compare').choose(id);
  };
  Object.assign(page, workbench(page));
  showUpload(page.form.upload, page, (model) => page.form.choose('model', model));
  await page.list.refresh();
  followLink(page, page.list, search);
  page.showTab(tab ?? 'run');
}

start();
