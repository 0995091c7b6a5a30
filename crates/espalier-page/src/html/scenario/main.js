// The sections of a scenario, in order.

present([
  ['summary', showHeader], ['curves', showCurves], ['figures', showFigures],
  ['simulations', showSimulations], ['settings', showSettings],
]);
