// What this page is, what the server allows, and where its API is described.

function showAbout(host, { info }) {
  const limits = Object.entries(info.limits).map(([name, value]) =>
    [name.replaceAll('_', ' '), Array.isArray(value) ? value.map(count).join(' to ')
      : name.endsWith('bytes') ? bytes(value) : count(value)]);
  host.append(
    el('p', {}, `Espalier ${info.version} merges fine-tuned models without a server in the middle: `
      + 'nodes gossip signed operations, and all who hold the same operations compute the same '
      + 'model. This page simulates such nodes. Everything it shows comes from the program that '
      + 'serves it; it loads nothing from a network.'),
    el('h2', {}, 'Limits'),
    el('dl', { class: 'facts' }, limits.map(([name, value]) =>
      [el('dt', {}, name), el('dd', {}, value)])),
    el('h2', {}, 'API'),
    el('p', {}, 'A program can do everything that this page does: ',
      el('a', { href: `${API}/openapi.json` }, 'the OpenAPI document'), ' describes each request.'),
    el('h2', {}, 'By keyboard'),
    el('p', {}, 'Arrow keys move between the tabs and along sliders. Every chart has its figures '
      + 'as a table below it. Tables and lists that scroll can be focused and scrolled with the '
      + 'arrow keys.'),
  );
}
