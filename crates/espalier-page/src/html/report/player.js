// A time slider over the rounds of a run, with a play button. It follows the newest round until
// the reader takes another.

const PLAY_SPEEDS = [['0.5', '½ round a second'], ['1', '1 round a second'],
  ['2', '2 rounds a second'], ['5', '5 rounds a second'], ['10', '10 rounds a second']];
const FRAME_MS = 30;

const REDUCED = window.matchMedia('(prefers-reduced-motion: reduce)');

function playerControls(host, { go, turn, follow }) {
  const slider = el('input', { type: 'range', min: 0, step: 1,
    oninput: () => go(Number(slider.value)) });
  const button = el('button', { type: 'button', class: 'play', onclick: turn }, 'Play');
  const newest = el('button', { type: 'button', onclick: () => {
    slider.focus();
    follow();
  } }, 'Newest round');
  const speed = select(PLAY_SPEEDS, '1', () => {});
  const said = el('p', { class: 'roundtext' });
  host.append(el('div', { class: 'controls' }, button, labelled('Round', slider, { class: 'grow' }),
    labelled('Speed', speed), newest), said);
  return { slider, button, newest, speed, said };
}

// `draw(index, progress)` shows a round, of whose messages `progress` (0 to 1) of the way is gone;
// `textOf(index)` says what happened in it. Returns what brings the slider up to date.
function timePlayer(host, { run, moment }, { draw, textOf }) {
  const state = { timer: 0, index: 0, plays: false };
  const { slider, button, newest, speed, said } = playerControls(host, { go,
    turn: () => (state.plays ? pause() : play()), follow: () => moment.set(null) });

  const last = () => run.rounds.length - 1;

  function show(progress = 1) {
    const index = moment.index(run);
    const text = textOf(index);
    slider.max = last();
    slider.value = index;
    slider.setAttribute('aria-valuetext', text);
    if (said.textContent !== text) said.textContent = text;
    newest.hidden = moment.round === null || index === last();
    draw(index, progress);
  }

  // At the end it follows what is still to come.
  function go(index) {
    if (state.plays) pause();
    moment.set(index === last() ? null : run.roundNumbers[index]);
  }

  function pause() {
    clearTimeout(state.timer);
    state.plays = false;
    button.textContent = 'Play';
    show();
  }

  function play() {
    const index = moment.index(run);
    state.plays = true;
    button.textContent = 'Pause';
    begin(index >= last() ? 0 : index + 1);
  }

  function begin(index) {
    state.index = index;
    moment.set(run.roundNumbers[index]);
    step(performance.now());
  }

  // Shows a round, its messages on their way first, and then goes on to the next one.
  function step(begun) {
    if (!host.isConnected) {
      pause();
      return;
    }
    const length = 1000 / Number(speed.value);
    const gone = performance.now() - begun;
    if (gone < length) {
      show(REDUCED.matches ? 1 : Math.min(1, gone / (0.6 * length)));
      state.timer = setTimeout(() => step(begun),
        Math.min(REDUCED.matches ? length : FRAME_MS, length - gone));
    } else if (state.index < last()) begin(state.index + 1);
    else {
      pause();
      moment.set(null);
    }
  }

  moment.onchange((round) => {
    // Another slider was moved.
    if (state.plays && round !== run.roundNumbers[state.index]) pause();
    else if (!state.plays) show();
  });
  return { update: () => { if (!state.plays) show(); } };
}
