// Which nodes, spread and network the heat maps and the lines show: one choice for all sections.

const AXES = [
  ['nodes', 'Nodes', unique(config.nodes)],
  ['spread', 'Spread', unique(config.spreads)],
  ['topology', 'Network', unique(config.topologies)],
];

// What a place is called in a table; an axis of one value says nothing there.
const PLACE_COLUMNS = {
  nodes: numeric('Nodes', (at) => at.nodes),
  spread: plain('Spread', (at) => at.spread),
  topology: named('Network', (at) => at.topology),
};
const placeColumns = [...AXES.filter(([, , values]) => values.length > 1)
  .map(([axis]) => PLACE_COLUMNS[axis]), liarsColumn];

const setting = {
  ...Object.fromEntries(AXES.map(([axis, , values]) => [axis, values[0]])),
  listeners: [],
  controls: [],
  set(axis, index) {
    this[axis] = AXES.find(([name]) => name === axis)[2][index];
    for (const control of this.controls) {
      if (control.axis === axis) control.node.value = String(index);
    }
    for (const listener of this.listeners) listener();
  },
};

// A choice for each axis that has one. They change together in all sections.
function settingControls() {
  return AXES.filter(([, , values]) => values.length > 1).map(([axis, name, values]) => {
    const options = values.map((value, index) => [String(index), String(value)]);
    const node = select(options, String(values.indexOf(setting[axis])),
      (index) => setting.set(axis, Number(index)));
    setting.controls.push({ axis, node });
    return labelled(name, node);
  });
}

const settingText = () =>
  `${plural(setting.nodes, 'node')}, spread ${setting.spread}, network ${setting.topology}`;

// A place of the chosen setting.
const placeFor = (liars) => ({ nodes: setting.nodes, spread: setting.spread,
  topology: setting.topology, share: liars });
