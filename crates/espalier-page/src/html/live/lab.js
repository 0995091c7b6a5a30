// The Byzantine lab: a grid of attacks, ours beside the baselines.

// `page`: { info, presets }. Called once, when the tab is first shown.
function showLab(host, page) {
  host.append(note(`${count(page.info.attacks.length)} attacks can be chosen.`));
}
