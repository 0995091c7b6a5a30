// The axes of the gossip report: its rounds and its nodes.

const roundAxis = (width, extra = {}) =>
  wholeAxis(width, roundNumbers, { title: { text: 'round', standoff: 6 }, ...extra });

// The axis of nodes for heat maps: the first at the top, labels thinned to what fits.
function nodeAxis(height) {
  const step = Math.max(1, niceStep(sampled.length / (height / 15)));
  const shown = sampled.map((_, node) => node).filter((node) => node % step === 0);
  return { tickvals: shown, ticktext: shown.map((node) => tickName(sampled[node])),
    range: [sampled.length - 0.5, -0.5], showgrid: false, ticks: '' };
}

const HEAT_MARGINS = { l: 60, r: 12, t: 28, b: 44 };

// Rows high enough to read for a few nodes, low enough to fit for many.
function rowsHeight(nodes) {
  const row = nodes <= 16 ? 27 : nodes <= 40 ? 15 : nodes <= 100 ? 9 : 5;
  return HEAT_MARGINS.t + HEAT_MARGINS.b + Math.max(nodes, 3) * row;
}
