// The views of one grid of attacks. This file begins a function and end.js ends it: all between
// them is about the grid that it is given, of which `text` is the JSON. `runCell(run)` runs a cell
// alone, where that can be done. Gives [section, draw] in the order of the page.

function gridViews(root, grid, text, { runCell = null } = {}) {
const body = (section) => root.querySelector(`[data-section="${section}"] > .body`);
