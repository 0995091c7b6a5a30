// Making elements and writing numbers. Text from the report becomes text nodes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

// `on…` is a listener, `class` and the rest are attributes; null leaves one out.
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

const body = (section) => document.querySelector(`#${section} > .body`);
const note = (text) => el('p', { class: 'note' }, text);
const caption = (...parts) => el('p', { class: 'caption' }, ...parts);

// Says something to screen readers without moving the focus.
function announce(text) {
  document.getElementById('status').textContent = text;
}

// Numbers

const GROUPED = new Intl.NumberFormat('en-GB');
const MISSING = '–';

const known = (value) => value !== null && value !== undefined;
const count = (value) => (known(value) ? GROUPED.format(value) : MISSING);
const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
const percent = (value) => (known(value) ? `${(100 * value).toFixed(1)} %` : MISSING);
const share = (value) => (known(value) ? `${Math.round(100 * value)} %` : MISSING);
const unit = (value) => (known(value) ? value.toFixed(3) : MISSING);

// A measured quantity of any size, to `digits` significant digits.
function quantity(value, digits = 4) {
  if (!known(value)) return MISSING;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(digits - 2).replace('e+', 'e');
  return String(Number(value.toPrecision(digits)));
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function bytes(value) {
  if (!known(value)) return MISSING;
  let power = 0;
  let scaled = value;
  while (scaled >= 1024 && power < UNITS.length - 1) {
    scaled /= 1024;
    power += 1;
  }
  const digits = power === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${UNITS[power]}`;
}

function mean(values) {
  const some = (values ?? []).filter(known);
  return some.length ? some.reduce((sum, value) => sum + value, 0) / some.length : null;
}

// Hashes

const short = (hash) => (hash ? hash.slice(0, 8) : MISSING);

const copyHint = (hash) => `${hash}\nClick to copy`;

function hashText(hash) {
  if (!hash) return MISSING;
  return el('code', { class: 'hash', title: copyHint(hash), 'data-hash': hash }, short(hash));
}

// The few that stand alone are buttons; in tables they would be hundreds of tab stops.
function hashButton(hash) {
  if (!hash) return MISSING;
  const label = `${short(hash)}: copy this hash`;
  const attributes = { type: 'button', class: 'hash', title: copyHint(hash), 'data-hash': hash };
  return el('button', { ...attributes, 'aria-label': label }, short(hash));
}

function copyText(text, what) {
  const done = () => announce(`${what} copied`);
  // Some browsers give pages opened from a file no clipboard.
  navigator.clipboard?.writeText(text).then(done, () => announce('Copying was refused'));
}

document.addEventListener('click', (event) => {
  const hash = event.target.closest?.('[data-hash]')?.dataset.hash;
  if (hash) copyText(hash, 'Hash');
});

const nameText = (name) => el('span', { class: 'name', title: name }, name);

// Controls

let controls = 0;

function labelled(text, control, attributes = {}) {
  controls += 1;
  control.id = `control-${controls}`;
  return el('label', { for: control.id, ...attributes }, text, control);
}

function select(options, chosen, onchange) {
  const node = el('select', { onchange: () => onchange(node.value) });
  for (const [value, text] of options) {
    node.append(el('option', { value, selected: value === chosen }, text));
  }
  return node;
}

// Buttons of which exactly one is pressed.
function choice(label, options, chosen, onchange) {
  const buttons = options.map(([value, text]) => {
    const press = () => {
      for (const button of buttons) button.setAttribute('aria-pressed', button === own);
      onchange(value);
    };
    const pressed = String(value === chosen);
    const own = el('button', { type: 'button', 'aria-pressed': pressed, onclick: press }, text);
    return own;
  });
  return el('span', { class: 'switch', role: 'group', 'aria-label': label }, buttons);
}

// A folded part whose content is made when it is first opened.
function folded(title, make) {
  const open = () => {
    if (node.open && node.childElementCount === 1) make(node);
  };
  const node = el('details', { class: 'more', ontoggle: open }, el('summary', {}, title));
  return node;
}
