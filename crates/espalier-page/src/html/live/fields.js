// The settings of a run, in groups, each with its control and one line about it.

// [key, label, hint, control]. A control may write more than one key of the configuration.
function fieldsOf(info) {
  const [leastNodes, mostNodes] = info.limits.nodes;
  const [leastRounds, mostRounds] = info.limits.rounds;
  const pick = (key, label, hint, entries) =>
    [key, label, hint, choiceControl(key, entries, label)];
  const chance = (key, label, hint) =>
    [key, label, hint, numberControl(key, { min: 0, max: 1, step: 'any' })];
  const words = (key, label, hint, options) => [key, label, hint, textControl(key, options)];
  return {
    common: [
      pick('model', 'Model family', null, info.models),
      ['nodes', 'Nodes', null, slidingNumber('nodes', { min: leastNodes, max: mostNodes })],
      ['rounds', 'Rounds', null, slidingNumber('rounds', { min: leastRounds, max: mostRounds })],
      ['until_converged', 'Stop once they agree', null, checkControl('until_converged')],
      pick('topology', 'Topology', null, info.topologies),
      ['strategy', 'Strategy', null, strategyControl(info.strategies), ['parameters']],
      pick('exchange', 'Exchange', null, info.exchanges),
    ],
    faults: [
      ['partition', 'Partition', null, partitionControl('partition')],
      ['late_joiners', 'Late joiners', null, lateControl('late_joiners')],
      chance('loss', 'Loss', 'Probability that a message is lost.'),
      chance('duplicate', 'Duplicates', 'Probability that a message arrives twice.'),
      chance('reorder', 'Reordering', 'Probability that a message waits for the others.'),
      ['delay', 'Delay', 'In rounds, at most.', numberControl('delay', { min: 0 })],
      chance('crash', 'Crashes', 'Probability per round and node.'),
      words('outage', 'Outages', 'A node is down for some rounds.',
        { placeholder: '0@3..6', list: true }),
      words('retract', 'Retractions', 'A node takes its contribution back.',
        { placeholder: '3@6', list: true }),
      words('churn', 'Churn', 'Rates of leaving and joining.',
        { placeholder: 'poisson:0.1:0.5' }),
    ],
    liars: [
      ['byzantine', 'Byzantine share', null, shareControl('byzantine')],
      ['attack', 'Attack', 'Dealt out among the liars in turn.',
        namesControl('attack', info.attacks, 'Attack')],
      pick('spread', 'Spread of the data', null, info.spreads),
      pick('profile', 'Trust profile', null, info.profiles),
      ['attest', 'Measure each other', null, checkControl('attest')],
    ],
    more: [
      pick('schedule', 'Schedule', null, info.schedules),
      pick('order', 'Order', null, info.orders),
      pick('wire', 'Wire', null, info.wires),
      ['retrain', 'Retrain', 'Number of rounds between trainings; empty for never.',
        numberControl('retrain', { min: 1, empty: null })],
      pick('metrics', 'Figures per node', null, info.metrics),
      pick('clock', 'Clock', null, info.clocks),
      words('period', 'Period', 'Length of a round in virtual time.', { placeholder: '1s' }),
      pick('latency', 'Latency', null, info.latencies),
      words('bandwidth', 'Bandwidth', 'Per link and direction.', { placeholder: '10MB/s' }),
    ],
    seed: [['seed', 'Seed', null, seedControl('seed')]],
  };
}

// A setting with its label, its line of help and the place of its error.
function fieldOf([key, label, hint, control, others = []]) {
  const input = control.node.matches('input, select') ? control.node
    : control.node.querySelector('input, select, button');
  const id = `field-${key}-${controls += 1}`;
  input.id = id;
  const error = el('p', { class: 'error', id: `${id}-error`, hidden: true });
  const help = hint ? el('p', { class: 'hint', id: `${id}-hint` }, hint) : null;
  if (help) input.setAttribute('aria-describedby', help.id);
  const check = input.type === 'checkbox';
  const node = el('div', { class: check ? 'field check' : 'field', 'data-field': key },
    el('label', { for: id }, label), control.node, help, error);
  const complain = (message) => {
    error.textContent = message ?? '';
    error.hidden = !message;
    // The first input may have been made anew.
    const target = control.node.matches('input, select') ? control.node
      : control.node.querySelector('input, select, button');
    if (message) target.setAttribute('aria-invalid', 'true');
    else target.removeAttribute('aria-invalid');
    const described = [help?.id, message ? error.id : null].filter(Boolean).join(' ');
    if (described) target.setAttribute('aria-describedby', described);
    else target.removeAttribute('aria-describedby');
    if (message) target.focus();
  };
  return { keys: [key, ...others], key, label, node, control, complain };
}

// What is wrong with a part of a configuration before the server sees it; null if nothing is.
function faultOf(key, value, info) {
  const numeric = typeof info.defaults[key] === 'number' || OPTIONAL_NUMBERS.includes(key);
  const limits = info.limits[key];
  if (!numeric || value === null) return null;
  if (typeof value !== 'number') {
    return value === '' ? 'A number is missing here.' : `${value} is not a number that this page can send.`;
  }
  if (Array.isArray(limits) && (value < limits[0] || value > limits[1])) {
    return `${limits[0]} to ${count(limits[1])}, not ${count(value)}.`;
  }
  return null;
}
