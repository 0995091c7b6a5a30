// Parts that more than one page shows: key figures, tags, and a command to run again.

function tile(name, figure, ...beside) {
  return el('div', { class: 'tile' }, el('dt', {}, name), el('dd', {},
    el('div', { class: 'figure' }, figure), el('div', { class: 'beside' }, beside)));
}

const tag = (kind, text) => el('span', { class: `tag ${kind}` }, text);

function quoted(text) {
  return /^[\w.,:@%+=\/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// `command` in parts: a line may break between two of them, not inside one.
function commandBlock(command) {
  const copy = () => copyText(command.join(' '), 'Command');
  const parts = command.flatMap((part) => [el('span', {}, part), ' ']);
  return el('div', { class: 'command' }, el('pre', {}, parts),
    el('button', { type: 'button', onclick: copy }, 'Copy'));
}
