// The Byzantine lab: a grid of attacks, ours next to the baselines.

const LAB_WELCOME = 'Choose attacks and shares of liars, then run the grid. Every cell is a real '
  + 'run: what Espalier’s trust merges, which is not told who lies, is compared with rules that are '
  + 'told how many lie.';

// The labs of the server. `actions`: open(lab), forget(lab).
function labList(host, actions) {
  const list = el('ul', { class: 'runs' });
  const none = note('None yet.');
  host.append(none, list);

  function row(lab, openId) {
    const { config } = lab;
    const text = `${plural(config.attacks.length, 'attack')}, liars ${config.shares.join(', ')}, `
      + `${config.nodes.join(', ')} nodes`;
    const verb = goesOn(lab) ? 'Stop' : 'Forget';
    return el('li', { class: lab.id === openId ? 'open' : null },
      el('button', { type: 'button', class: 'plain title',
        onclick: () => actions.open(lab) }, text),
      el('div', { class: 'line' }, tag(STATUS_KIND[lab.status] ?? '', labWords(lab)),
        el('button', { type: 'button', 'aria-label': `${verb} ${text}`,
          onclick: () => actions.forget(lab) }, verb)));
  }

  let shown = '';
  return (labs, openId) => {
    // A list that is made anew would lose the focus.
    const wanted = JSON.stringify([labs.map(({ id, status, done }) => [id, status, done]), openId]);
    if (wanted === shown) return;
    shown = wanted;
    none.hidden = labs.length > 0;
    const held = [...list.querySelectorAll('button')].indexOf(document.activeElement);
    list.replaceChildren(...labs.map((lab) => row(lab, openId)));
    list.querySelectorAll('button')[held]?.focus();
  };
}

// `page`: { info, presets, runConfig, fragment }. Called once, when the tab is first shown.
function showLab(host, page) {
  const form = el('form', { class: 'setup', 'aria-label': 'Axes of the lab', novalidate: true });
  const labs = el('section', { class: 'sessions' }, el('h2', {}, 'Labs'));
  const results = el('div', { class: 'results', role: 'region',
    'aria-label': 'Results of the lab' }, note(LAB_WELCOME));
  host.append(el('div', { class: 'workbench' }, el('div', { class: 'side' }, form, labs), results));
  let open = null;
  let told = '';

  const show = labList(labs, {
    open: (lab) => choose(lab),
    forget: async (lab) => {
      try {
        await api('DELETE', `/labs/${encodeURIComponent(lab.id)}`);
      } catch (error) {
        announce(error.message);
      }
      refresh();
    },
  });

  async function refresh() {
    try {
      const all = await api('GET', '/labs');
      show(all, open?.id);
      return all;
    } catch (error) {
      if (error instanceof ApiError) announce(error.message);
      return [];
    }
  }

  function choose(lab) {
    open?.close();
    told = '';
    page.fragment.set('lab', lab.id);
    open = openLab(results, lab, page, ({ status }) => {
      if (status !== told) refresh();
      told = status;
    });
    refresh();
  }

  const { write } = labForm(form, page, async (grid) => {
    try {
      choose(await api('POST', '/labs', { grid }));
      return null;
    } catch (error) {
      return error instanceof ApiError ? error : { message: 'The server does not answer.' };
    }
  });

  refresh().then((all) => {
    const kept = all.find(({ id }) => id === page.fragment.get('lab'));
    if (!kept) return;
    write(kept.config);
    choose(kept);
  });
  return { refresh };
}
