// The grid as a file of its own.

const source = document.getElementById('report');
const views = gridViews(document.body, JSON.parse(source.textContent), source.textContent);
for (const [section] of views) {
  document.querySelector(`[data-section="${section}"]`).id = section;
}
present(views);
