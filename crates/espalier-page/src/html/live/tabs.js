// The tabs of the page, by mouse and by keyboard.

// `opened(name, panel)` is called each time a tab is shown. Returns what shows a tab by its name.
function followTabs(opened) {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const panelOf = (tab) => document.getElementById(tab.getAttribute('aria-controls'));
  const nameOf = (tab) => tab.id.replace('tab-', '');

  function show(name, focus = false) {
    const chosen = tabs.find((tab) => nameOf(tab) === name) ?? tabs[0];
    for (const tab of tabs) {
      tab.setAttribute('aria-selected', tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      panelOf(tab).hidden = tab !== chosen;
    }
    if (focus) chosen.focus();
    fragment.set('tab', chosen === tabs[0] ? null : nameOf(chosen));
    opened(nameOf(chosen), panelOf(chosen));
  }

  const moves = { ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1 + tabs.length,
    Home: () => 0, End: () => tabs.length - 1 };
  tabs.forEach((tab, at) => {
    tab.addEventListener('click', () => {
      if (panelOf(tab).hidden) fragment.enter();
      show(nameOf(tab));
    });
    tab.addEventListener('keydown', (event) => {
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      show(nameOf(tabs[move(at) % tabs.length]), true);
    });
  });
  return show;
}
