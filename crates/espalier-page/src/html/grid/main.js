// The sections of the attack grid, in order.

present([
  ['summary', showHeader], ['error', showError], ['detection', showDetection],
  ['shares', showLines], ['trust', showTrust], ['protocol', showProtocol], ['cells', showCells],
]);
