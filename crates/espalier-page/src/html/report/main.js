// The sections of the gossip report, in order.

present([
  ['summary', showHeader], ['convergence', showConvergence], ['states', showStates],
  ['accuracy', showAccuracy], ['topology', showTopology], ['wire', showWire],
  ['trust', showTrust], ['audit', showAudit], ['trace', showTrace], ['roots', showRoots],
  ['round-trip', showRoundTrip], ['tombstones', showTombstones], ['clock', showClock],
]);
