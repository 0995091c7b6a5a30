// A time slider over the rounds of a run, with a play button. It follows the newest round until
// the reader takes another.

const PLAY_SPEEDS = [['0.5', '½ round a second'], ['1', '1 round a second'],
  ['2', '2 rounds a second'], ['5', '5 rounds a second'], ['10', '10 rounds a second']];
const FRAME_MS = 30;

const REDUCED = window.matchMedia('(prefers-reduced-motion: reduce)');

// `draw(index, progress)` shows a round, of whose messages `progress` (0 to 1) of the way is gone;
// `textOf(index)` says what happened in it. Returns what brings the slider up to date.
function timePlayer(host, run, { draw, textOf }) {
  const state = { index: run.rounds.length - 1, follows: true, timer: 0, speed: 1 };
  const slider = el('input', { type: 'range', min: 0, step: 1,
    oninput: () => go(Number(slider.value)) });
  const button = el('button', { type: 'button', class: 'play', onclick: () =>
    (state.timer ? pause() : play()) }, 'Play');
  const newest = el('button', { type: 'button', onclick: follow }, 'Newest round');
  const speed = select(PLAY_SPEEDS, '1', (value) => { state.speed = Number(value); });
  const said = el('p', { class: 'roundtext' });
  host.append(el('div', { class: 'controls' }, button, labelled('Round', slider, { class: 'grow' }),
    labelled('Speed', speed), newest), said);

  const last = () => run.rounds.length - 1;

  function show(progress = 1) {
    const text = textOf(state.index);
    slider.max = last();
    slider.value = state.index;
    slider.setAttribute('aria-valuetext', text);
    if (said.textContent !== text) said.textContent = text;
    newest.hidden = state.follows || state.index === last();
    draw(state.index, progress);
  }

  function go(index) {
    state.index = index;
    state.follows = index === last();
    pause();
    show();
  }

  function follow() {
    pause();
    state.index = last();
    state.follows = true;
    slider.focus();
    show();
  }

  function pause() {
    clearTimeout(state.timer);
    state.timer = 0;
    button.textContent = 'Play';
  }

  function play() {
    if (state.index >= last()) state.index = 0;
    else state.index += 1;
    state.follows = false;
    button.textContent = 'Pause';
    step(performance.now());
  }

  // Shows a round, its messages on their way first, and then goes on to the next one.
  function step(begun) {
    if (!host.isConnected) {
      pause();
      return;
    }
    const length = 1000 / state.speed;
    const gone = performance.now() - begun;
    show(REDUCED.matches ? 1 : Math.min(1, gone / (0.6 * length)));
    if (gone < length) {
      const wait = REDUCED.matches ? length - gone : Math.min(FRAME_MS, length - gone);
      state.timer = setTimeout(() => step(begun), wait);
    } else if (state.index < last()) {
      state.index += 1;
      state.timer = setTimeout(() => step(performance.now()), 0);
    } else {
      state.follows = true;
      pause();
      show();
    }
  }

  return {
    get index() { return state.index; },
    update() {
      if (state.follows && !state.timer) state.index = last();
      if (!state.timer) show();
    },
  };
}
