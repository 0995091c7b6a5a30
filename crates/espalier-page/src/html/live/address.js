// The address of the page: the configuration of a run in its query, what the reader looks at in
// its fragment. Pure functions first.

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The fields that differ from the defaults; the seed always, so that a link always asks for a run.
function queryOfConfig(config, defaults) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(config)) {
    if (key === 'seed' || !known(value) || same(value, defaults[key])) continue;
    if (Array.isArray(value)) query.set(key, value.join(','));
    else if (typeof value === 'object') {
      for (const [name, part] of Object.entries(value)) query.set(`${key}.${name}`, part);
    } else query.set(key, value);
  }
  query.set('seed', config.seed ?? defaults.seed);
  return readable(query);
}

// Signs that need no escape in a query, left as a reader knows them.
const readable = (query) => query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
  .replaceAll('%40', '@');

const TRUTHS = { true: true, false: false };

// A text as the kind of value that stands in the defaults.
function valueLike(text, fallback) {
  if (typeof fallback === 'boolean') return TRUTHS[text] ?? text;
  if (Array.isArray(fallback)) return text === '' ? [] : text.split(',');
  if (typeof fallback === 'number') return numberOr(text);
  return text;
}

// A number that JSON can carry as it was written, else the text, which the server refuses.
function numberOr(text) {
  const number = Number(text);
  return text.trim() === '' || !Number.isFinite(number)
    || (Number.isInteger(number) && !Number.isSafeInteger(number)) ? text : number;
}

// Settings without a default that are numbers.
const OPTIONAL_NUMBERS = ['retrain'];

// The configuration of a query, on top of the defaults; null if there is none.
function configOfQuery(search, defaults) {
  const query = new URLSearchParams(search);
  query.delete('token');
  if ([...query.keys()].length === 0) return null;
  const config = structuredClone(defaults);
  for (const [key, text] of query) {
    const [name, part] = key.split(/\.(.*)/s);
    if (part && name === 'parameters') config.parameters[part] = text;
    else if (OPTIONAL_NUMBERS.includes(name)) config[name] = numberOr(text);
    else config[name] = valueLike(text, defaults[name]);
  }
  return config;
}

const linkOf = (config, defaults) => `/?${queryOfConfig(config, defaults)}`;

// The flags with which the program runs a configuration.
function flagsOf(config, defaults) {
  const flags = [];
  for (const [key, value] of Object.entries(config)) {
    if (!known(value) || same(value, defaults[key])) continue;
    const flag = `--${key.replaceAll('_', '-')}`;
    if (key === 'attest') flags.push('--no-attest');
    else if (value === true) flags.push(flag);
    else if (key === 'attack') flags.push(flag, value.join(','));
    else if (Array.isArray(value)) flags.push(...value.flatMap((each) => [flag, String(each)]));
    else if (typeof value === 'object') {
      for (const [name, part] of Object.entries(value)) flags.push('--param', `${name}=${part}`);
    } else flags.push(flag, String(value));
  }
  return flags;
}

const ADDRESS_EVERY_MS = 300;

// What the reader looks at. It changes often, so it waits a little: browsers refuse addresses that
// change too often. Only another tab and another run are entries in the history.
const fragment = {
  parts: new URLSearchParams(location.hash.slice(1)),
  waiting: 0,
  get(name) {
    return this.parts.get(name);
  },
  set(name, value) {
    if (known(value)) this.parts.set(name, value); else this.parts.delete(name);
    if (this.waiting === 0) this.waiting = setTimeout(() => this.write(), ADDRESS_EVERY_MS);
  },
  enter() {
    this.write();
    history.pushState(null, '', location.href);
  },
  write(query = location.search) {
    clearTimeout(this.waiting);
    this.waiting = 0;
    const text = readable(this.parts);
    history.replaceState(null, '', `/${query}${text && `#${text}`}`);
  },
};

// Everything that is shown stands in the address, so going back is opening it again. The link that
// skips to the content is no other place.
function followHistory() {
  window.addEventListener('popstate', () => {
    if (location.hash !== '#main') location.reload();
  });
}

function showQuery(query) {
  if (location.search !== `?${query}`) fragment.write(`?${query}`);
}
