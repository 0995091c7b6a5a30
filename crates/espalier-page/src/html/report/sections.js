// The sections of a run, in order.

const RUN_SECTIONS = [
  ['summary', showHeader], ['convergence', showConvergence],
  ['states', showStates, missingSamples], ['accuracy', showAccuracy, missingAccuracy],
  ['network', showNetwork], ['topology', showTopology], ['wire', showWire],
  ['trust', showTrust, missingSamples], ['audit', showAudit, missingAudit],
  ['evidence', showEvidence, missingEvidence], ['trace', showTrace, missingTrace],
  ['roots', showRoots, missingTrace], ['proof', showProof, missingProof],
  ['round-trip', showRoundTrip, missingRoundTrip],
  ['tombstones', showTombstones, missingTombstones], ['clock', showClock, missingSamples],
];
