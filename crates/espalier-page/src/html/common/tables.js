// Tables that sort, scroll inside their own frame and start short.

const ROWS_AT_FIRST = 200;

function compare(a, b) {
  if (!known(a) || !known(b)) return Number(known(b)) - Number(known(a));
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}

function cellOf(column, row, first) {
  const content = column.cell(row);
  const background = column.tint?.(row);
  const kind = [column.number ? 'number' : '', column.wide ? 'wide' : '', background ? 'heat' : '']
    .join(' ').trim();
  return el(first ? 'th' : 'td', { class: kind || null, scope: first ? 'row' : null,
    style: background ? { background } : null }, content);
}

// `columns`: { head, cell(row), value(row)?, number?, wide?, title?, tint(row)? }. A column with a
// `value` can be sorted by it; `tint` gives the ground of a cell. `bands`: [text, columns] above
// the heads. Returns { refresh, show, update, frame }: for when what the cells show has changed,
// for other rows, and for more of the same rows, which leaves the reader where they are.
function table(host, { label, columns, rows: given, bands, limit = ROWS_AT_FIRST }) {
  const state = { column: null, down: false, limit };
  let rows = given;
  const tbody = el('tbody');
  const heads = columns.map((column) => headOf(column, state, () => draw()));
  const caption = el('caption', { class: 'visually-hidden' }, label);
  const above = bands && el('tr', { class: 'bands' }, bands.map(([text, columns]) =>
    (text ? el('th', { scope: 'colgroup', colspan: columns }, text)
      : el('td', { colspan: columns }))));
  const node = el('table', {}, caption, el('thead', {}, above, el('tr', {}, heads)), tbody);
  const frame = el('div', { class: 'frame', tabindex: 0, role: 'group', 'aria-label': label },
    node);
  const more = el('button', { type: 'button', onclick: showAll });
  host.append(frame, more);

  function showAll() {
    state.limit = Infinity;
    draw();
    frame.focus();
  }

  function sorted() {
    if (!state.column) return rows;
    const sign = state.down ? -1 : 1;
    const value = state.column.value;
    return [...rows].sort((a, b) => sign * compare(value(a), value(b)));
  }

  function draw() {
    heads.forEach((head, index) => {
      const own = columns[index] === state.column;
      head.setAttribute('aria-sort', own ? (state.down ? 'descending' : 'ascending') : 'none');
    });
    const shown = sorted().slice(0, state.limit);
    tbody.replaceChildren(...shown.map((row) =>
      el('tr', {}, columns.map((column, index) => cellOf(column, row, index === 0)))));
    more.hidden = rows.length <= state.limit;
    more.textContent = `Show all ${count(rows.length)} rows`;
  }

  function show(others) {
    rows = others;
    state.limit = limit;
    draw();
  }

  function update(others) {
    rows = others;
    draw();
  }

  draw();
  return { refresh: draw, show, update, frame };
}

function headOf(column, state, redraw) {
  const kind = { scope: 'col', class: column.number ? 'number' : null, title: column.title };
  if (!column.value) return el('th', kind, column.head);
  const sort = () => {
    state.down = state.column === column && !state.down;
    state.column = column;
    redraw();
  };
  return el('th', kind, el('button', { type: 'button', onclick: sort }, column.head));
}

// The figures of a chart, for those who cannot or do not want to read it. `columns` and `rows` may
// be functions where they grow. Returns what brings the table up to date.
function figures(host, label, columns, rows, title = 'Figures as a table') {
  const now = (given) => (typeof given === 'function' ? given() : given);
  let shown = null;
  let columnsShown = 0;

  function make(inside) {
    const given = now(columns);
    columnsShown = given.length;
    shown = table(inside, { label, columns: given, rows: now(rows) });
  }

  const node = folded(title, make);
  host.append(node);
  return () => {
    if (!node.open || !shown) return;
    if (now(columns).length === columnsShown) {
      shown.update(now(rows));
      return;
    }
    const { scrollLeft, scrollTop } = shown.frame;
    const focused = shown.frame === document.activeElement;
    node.replaceChildren(node.firstElementChild);
    make(node);
    shown.frame.scrollTo({ left: scrollLeft, top: scrollTop, behavior: 'instant' });
    if (focused) shown.frame.focus({ preventScroll: true });
  };
}

const plain = (head, cell, extra = {}) => ({ head, cell, value: cell, ...extra });
const numeric = (head, value, write = count) => ({
  head, value, number: true, cell: (row) => write(value(row)),
});
const hashed = (head, value, extra = {}) => ({
  head, value, cell: (row) => hashText(value(row)), ...extra,
});
const named = (head, value) => ({ head, value, cell: (row) => nameText(value(row)) });
