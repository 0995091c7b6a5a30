// The sections of a run, in order.

const RUN_SECTIONS = [
  ['summary', showHeader], ['convergence', showConvergence],
  ['states', showStates, missingSamples], ['accuracy', showAccuracy, missingAccuracy],
  ['topology', showTopology], ['wire', showWire], ['trust', showTrust, missingSamples],
  ['audit', showAudit, missingAudit], ['trace', showTrace, missingTrace],
  ['roots', showRoots, missingTrace], ['round-trip', showRoundTrip, missingRoundTrip],
  ['tombstones', showTombstones, missingTombstones], ['clock', showClock, missingSamples],
];
