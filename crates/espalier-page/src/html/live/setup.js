// The form that starts a run.

const GROUPS = [['faults', 'Faults'], ['liars', 'Liars and data'], ['more', 'Order, time, wire']];

// `actions`: run(config), stop().
function setupForm(form, { info, presets }, actions) {
  const groups = fieldsOf(info);
  const made = Object.fromEntries(Object.entries(groups)
    .map(([name, specs]) => [name, specs.map(fieldOf)]));
  const fields = Object.values(made).flat();
  const command = el('div');
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const go = el('button', { type: 'submit', class: 'primary' }, 'Run');
  const stop = el('button', { type: 'button', disabled: true, onclick: () => actions.stop() },
    'Stop');
  const reset = el('button', { type: 'reset' }, 'Reset');

  const read = () => Object.assign({ ...info.defaults },
    ...fields.map(({ control }) => control.read()));

  function write(config) {
    for (const field of fields) field.control.write(config);
    calm();
    follow();
  }

  function follow() {
    const words = flagsOf(read(), info.defaults);
    command.replaceChildren(commandBlock(commandLine(words)));
  }

  function calm() {
    problem.hidden = true;
    for (const field of fields) field.complain(null);
  }

  // What the server or the page found wrong, at the field if there is one.
  function complain({ field: key, message }) {
    const name = key?.split(/[.[]/)[0];
    const found = fields.find(({ keys }) => keys.includes(name));
    if (!found) {
      problem.textContent = message;
      problem.hidden = false;
      return;
    }
    const fold = found.node.closest('details');
    if (fold) fold.open = true;
    // The server may speak of the field without its name.
    const sentence = /^(is|are|has|have|must|needs?|takes?|cannot)\b/.test(message)
      ? `${found.label} ${message}` : message;
    found.complain(sentence);
    announce(sentence);
  }

  function submit(event) {
    event.preventDefault();
    calm();
    const config = read();
    const wrong = Object.entries(config)
      .map(([field, value]) => ({ field, message: faultOf(field, value, info) }))
      .find(({ message }) => message);
    if (wrong) complain(wrong);
    else actions.run(config);
  }

  const chosen = el('p', { class: 'hint' });
  function take(name) {
    const { config, text } = presets.find((each) => each.name === name) ?? { config: {}, text: '' };
    preset.value = name;
    chosen.textContent = text;
    write({ ...info.defaults, ...config });
  }

  const preset = select([['', 'Choose an example…'], ...presets.map(({ name, title }) =>
    [name, title])], '', take);

  form.addEventListener('submit', submit);
  form.addEventListener('reset', (event) => {
    event.preventDefault();
    preset.value = '';
    chosen.textContent = '';
    write(info.defaults);
    announce('All settings are as at first');
  });
  for (const happening of ['input', 'change']) form.addEventListener(happening, follow);

  const upload = el('div', { class: 'upload' });
  const fold = ([name, title]) => el('details', { class: 'group', 'data-group': name },
    el('summary', {}, title), made[name].map(({ node }) => node));
  fill(form, {}, [
    el('div', { class: 'field' }, labelled('Example', preset), chosen),
    made.common.map(({ node }) => node), upload, GROUPS.map(fold),
    made.seed.map(({ node }) => node),
    el('div', { class: 'buttons' }, go, stop, reset), problem,
    folded('The same on the command line', (inside) => inside.append(command)),
  ]);
  write(info.defaults);
  const fieldFor = (key) => fields.find((each) => each.key === key);
  return {
    read, write, complain, calm, upload, take,
    running: (on) => { stop.disabled = !on; },
    // Uploaded models, as values of the model family.
    models: (models) => fieldFor('model').control.choice.offer(models.map(({ id, name }) =>
      [`upload:${id}`, name])),
    choose(key, value) {
      fieldFor(key).control.write({ [key]: value });
      follow();
    },
  };
}
