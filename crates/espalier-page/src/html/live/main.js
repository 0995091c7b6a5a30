// The live page.

followTheme();
window.addEventListener('load', redrawCharts);
