// The report: one run, filled at once.

const source = document.getElementById('report');
const whole = JSON.parse(source.textContent);

// A report has the last entries of the audit log and the whole trace, and no states of the past.
function reportSource(report, { audit }) {
  return {
    audit: async (query) => pageOf(report.audit, report.audit_total, query),
    trace: async ({ offset = 0, limit = Infinity }) => ({ total: report.trace.length, offset,
      entries: report.trace.slice(offset, offset + limit) }),
    // The file lies next to the page; each part is encoded, so the link cannot point elsewhere.
    files: { audit: { name: audit,
      href: `./${audit.split('/').map(encodeURIComponent).join('/')}` } },
  };
}

const shown = newRun(reportSource(whole, source.dataset));
shown.fill(whole, {
  // Written out as it stands: a seed may be larger than what a number here holds exactly.
  seed: /"seed":\s*(\d+)/.exec(source.textContent)?.[1],
  flags: JSON.parse(source.dataset.flags),
});
document.title = titleOf(shown);
for (const [name] of RUN_SECTIONS) {
  document.querySelector(`[data-section="${name}"]`).id = name;
}
viewsOf(shown, document.body);
followTheme();
followReading(RUN_SECTIONS.map(([name]) => name));
