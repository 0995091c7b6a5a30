// The sections of one run inside `root`, drawn once and then kept up with the run.

const LEAST_PAUSE_MS = 250;
const WAITING = 'Waiting for the first round.';
const NO_ROUND = 'The run ended before its first round.';

// `sections`: [name, show(view, host), missing(view)]. `show` draws into `host` and returns what
// brings the drawing up to date, or nothing if it never changes. `missing` says in words why there
// is nothing to draw (yet). `together`: runs that are shown side by side and so share axes.
// `settings`: what the reader chose. A `lazy` view draws what comes into sight and lets the rest
// wait.
function viewsOf(run, root, { sections = RUN_SECTIONS, together = [run], lazy = false,
  settings = newSettings() } = {}) {
  const view = { run, root, together, settings, harness: newHarness(), moment: newMoment() };
  const inSight = new Set();
  const parts = sections.map(([name, show, missing]) => {
    const section = root.querySelector(`[data-section="${name}"]`);
    const host = section.querySelector(':scope > .body');
    return { section, host, show, missing, update: null, said: null, stale: true };
  });
  let timer = 0;
  let pause = LEAST_PAUSE_MS;

  // One part after the other, so that a click between two of them need not wait for all.
  function flush() {
    timer = 0;
    const wanted = ({ stale, section }) => stale && (!lazy || inSight.has(section));
    const begun = performance.now();
    for (let part = parts.find(wanted); part; part = parts.find(wanted)) {
      bringUp(view, part);
      if (lazy && parts.some(wanted)) {
        soon(0);
        break;
      }
    }
    // Most of the time belongs to the reader, however much there is to draw.
    pause = Math.max(LEAST_PAUSE_MS, 6 * (performance.now() - begun));
  }

  function soon(wait) {
    if (timer !== 0 && wait > 0) return;
    clearTimeout(timer);
    timer = setTimeout(flush, wait);
  }

  view.refresh = () => {
    for (const part of parts) part.stale = true;
    soon(0);
  };

  // Brings one section up to date, by its host, once it is in sight.
  view.touch = (host) => {
    for (const part of parts) part.stale ||= part.host === host;
    soon(0);
  };
  view.harness.listeners.push(view.refresh);

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) inSight.add(target); else inSight.delete(target);
    }
    soon(0);
  }, { rootMargin: '150px 0px' });

  let beginnings = run.beginnings;
  const onchange = () => {
    for (const part of parts) {
      part.stale = true;
      if (run.beginnings !== beginnings) Object.assign(part, { update: null, said: null });
    }
    beginnings = run.beginnings;
    soon(run.ended ? 0 : pause);
  };
  const ends = together.map((each) => each.onchange(onchange));
  const onprint = () => parts.forEach((part) => bringUp(view, part));
  window.addEventListener('beforeprint', onprint);

  view.dispose = () => {
    clearTimeout(timer);
    observer.disconnect();
    window.removeEventListener('beforeprint', onprint);
    for (const end of ends) end();
  };

  if (lazy) for (const { section } of parts) observer.observe(section);
  else flush();
  return view;
}

// A section that fails says so and leaves the others alone.
function bringUp(view, part) {
  part.stale = false;
  try {
    const { rounds, ended } = view.run;
    const missing = rounds.length ? part.missing?.(view) : ended ? NO_ROUND : WAITING;
    if (missing) sayMissing(part, missing);
    else if (part.update) part.update();
    else {
      part.host.replaceChildren();
      part.said = null;
      part.update = part.show(view, part.host) ?? (() => {});
    }
  } catch (error) {
    console.error(error);
    part.update ??= () => {};
    part.host.append(note(`This part could not be drawn: ${error.message}`));
  }
}

function sayMissing(part, text) {
  part.update = null;
  if (part.said === text) return;
  part.said = text;
  part.host.replaceChildren(note(text));
}
