// The end of what begin.js began.

return [
  ['summary', showHeader], ['error', showError], ['detection', showDetection],
  ['shares', showLines], ['trust', showTrust], ['protocol', showProtocol], ['cells', showCells],
];
}
