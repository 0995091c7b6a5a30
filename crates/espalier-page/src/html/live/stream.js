// A run that is filled by the events of the server.

const RETRY_MS = 2000;
const NEVER_BEGAN = 'never-began';

// Says once that the server is gone, and once that it is back.
const connection = {
  lost: new Set(),
  report(who, well) {
    const before = this.lost.size;
    if (well) this.lost.delete(who); else this.lost.add(who);
    if (before === this.lost.size || (before > 0 && this.lost.size > 0)) return;
    const banner = document.getElementById('connection');
    const gone = this.lost.size > 0;
    banner.hidden = false;
    banner.classList.toggle('back', !gone);
    banner.textContent = gone ? 'The server does not answer. Is it still running? Trying again…'
      : 'The server is back.';
    if (!gone) setTimeout(() => { banner.hidden = this.lost.size === 0; }, 4000);
  },
};

// Written out as it stands: a seed may be larger than what a number here holds exactly.
const seedIn = (text) => /"seed":\s*(\d+)/.exec(text)?.[1];

// The browser comes back by itself and gets what it missed; when it gives up, because the answer
// was no stream, everything comes again from the beginning.
function streamInto(run, id) {
  const address = `${API}/runs/${encodeURIComponent(id)}/events`;
  let source = null;
  let waiting = 0;

  const handlers = {
    status: ({ status, round, rounds }) => {
      run.progress = { round, rounds };
      // One that runs ends with what it did; one that waited has nothing more to tell.
      if (status === 'stopped') {
        handlers.failed({ error: { code: NEVER_BEGAN, message: 'it was stopped before' } });
        return;
      }
      if (!run.ended) run.status = status;
      run.changed();
    },
    opening: (opening, text) => run.open(opening, seedIn(text)),
    round: (round) => run.add(round),
    ending: (ending) => {
      close();
      run.end(ending);
    },
    failed: ({ error }) => {
      close();
      run.fail(error);
    },
  };

  function close() {
    clearTimeout(waiting);
    connection.report(run, true);
    source?.close();
  }

  // The answer was no stream: either the server cannot be reached, or it has forgotten the run.
  async function retry() {
    try {
      await api('GET', `/runs/${encodeURIComponent(id)}`);
      open();
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) handlers.failed({ error });
      else waiting = setTimeout(retry, RETRY_MS);
    }
  }

  function open() {
    source = new EventSource(address);
    source.onopen = () => connection.report(run, true);
    source.onerror = () => {
      connection.report(run, false);
      if (source.readyState === EventSource.CLOSED) waiting = setTimeout(retry, RETRY_MS);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, ({ data }) => handle(JSON.parse(data), data));
    }
  }

  open();
  return { close };
}
