// What went over the wire, and how large states are.

const activeSizes = ({ sampled }, round) =>
  sampled.flatMap((_, node) => (round.active[node] ? [round.wire_bytes[node]] : []));

function sizeLines(run) {
  return run.sampled.map((name, node) => {
    const ys = series(run, 'wire_bytes', node);
    return { ...strung([{ name, ys }], run.roundNumbers), mode: 'lines',
      customdata: [...ys.map(bytes), ''], line: { ...lineOf(node), width: 1.8 },
      meta: { key: `node ${node}`, label: name },
      hovertemplate: '%{text}: %{customdata}<br>round %{x}<extra></extra>' };
  });
}

function sizeBand(run, colours) {
  const { rounds, roundNumbers } = run;
  const perRound = rounds.map((round) => spread(activeSizes(run, round)));
  const line = (part) => perRound.map((values) => values[part]);
  const band = { x: roundNumbers, mode: 'lines', hoverinfo: 'skip', line: { width: 0 } };
  return [
    { ...band, y: line('least'), meta: { key: 'band' } },
    { ...band, y: line('greatest'), fill: 'tonexty', fillcolor: colours.band,
      line: { width: 0, color: colours.calm },
      meta: { key: 'band', label: 'smallest to largest state' } },
    { x: roundNumbers, y: line('middle'), text: line('middle').map(bytes), mode: 'lines',
      line: { color: colours.accent, width: 2.5 }, meta: { key: 'middle', label: 'median state' },
      hovertemplate: 'median state: %{text}<br>round %{x}<extra></extra>' },
  ];
}

function sentBars({ rounds, roundNumbers }, colours) {
  const sent = rounds.map((round) => round.sent_bytes);
  return { type: 'bar', x: roundNumbers, y: sent, yaxis: 'y2', text: sent.map(bytes),
    textposition: 'none', marker: { color: colours.late, opacity: 0.75 },
    meta: { key: 'sent', label: 'sent in the round (below)', colour: colours.late },
    hovertemplate: 'all nodes sent %{text}<br>round %{x}<extra></extra>' };
}

const largestState = (run) =>
  run.rounds.reduce((most, round) => Math.max(most, ...activeSizes(run, round)), 1);

const mostSent = (run) => run.rounds.reduce((most, round) => Math.max(most, round.sent_bytes), 1);

function wireLayout(view, width) {
  return {
    xaxis: roundAxis(view, width, { anchor: 'y2' }), bargap: 0.25,
    yaxis: byteAxis(Math.max(...across(view, largestState)),
      { domain: [0.46, 1], title: { text: 'state size' } }),
    yaxis2: byteAxis(Math.max(...across(view, mostSent)),
      { domain: [0, 0.38], title: { text: 'sent' } }),
    margin: { l: 78, r: 16, t: 12, b: 42 },
  };
}

function wireTable({ run }, host) {
  const sizes = (part) => (round) => spread(activeSizes(run, round))[part];
  return figures(host, 'Bytes per round', [
    numeric('Round', (round) => round.round),
    numeric('Smallest state', sizes('least'), bytes),
    numeric('Median state', sizes('middle'), bytes),
    numeric('Largest state', sizes('greatest'), bytes),
    numeric('Sent', (round) => round.sent_bytes, bytes),
  ], () => run.rounds);
}

function showWire(view, host) {
  const { run } = view;
  const sum = caption();
  host.append(sum);
  const drawn = chart(host, 'Size of the serialised state per node, and bytes sent, per round',
    460, (colours, width) => ({
      data: [...(run.sampled.length > MOST_LINES ? sizeBand(run, colours) : sizeLines(run)),
        sentBars(run, colours)],
      layout: wireLayout(view, width),
    }));
  const table = wireTable(view, host);
  const update = () => {
    sum.textContent = `One contribution is ${bytes(run.model.bytes)}. All nodes together sent `
      + `${bytes(run.summary.sent_bytes)}.`;
    drawn.draw();
    table();
  };
  update();
  return update;
}
