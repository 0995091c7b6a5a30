// The form that starts a run.

const GROUPS = [['faults', 'Faults'], ['liars', 'Liars and data'], ['more', 'Order, time, wire']];

// What the server or the page found wrong, at the field if there is one.
function formErrors(fields, problem) {
  function calm() {
    problem.hidden = true;
    for (const field of fields) field.complain(null);
  }

  function complain({ field: key, message }) {
    const name = key?.split(/[.[]/)[0];
    const found = fields.find(({ keys }) => keys.includes(name));
    if (!found) {
      problem.textContent = message;
      problem.hidden = false;
      problem.scrollIntoView({ block: 'nearest' });
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

  return { calm, complain };
}

// A choice of examples; `take` gets the configuration of the one chosen.
function examplePicker(presets, take) {
  const text = el('p', { class: 'hint' });
  const options = presets.map(({ name, title }) => [name, title]);
  const picker = select([['', 'Choose an example…'], ...options], '', choose);

  function choose(name) {
    const chosen = presets.find((each) => each.name === name) ?? { config: {}, text: '' };
    picker.value = name;
    text.textContent = chosen.text;
    take(chosen.config);
  }

  return { node: el('div', { class: 'field' }, labelled('Example', picker), text), choose };
}

// Opens the groups in which something is not as usual, so that it is seen.
function openUnusual(fields, config, defaults) {
  // Attacks say nothing where nobody lies.
  const usual = (key) => same(config[key], defaults[key])
    || (key === 'attack' && same(config.byzantine, defaults.byzantine));
  for (const { node, keys } of fields) {
    const fold = node.closest('details');
    if (fold) fold.open ||= !keys.every(usual);
  }
}

// The buttons below the settings. `actions`: run(config), stop().
function formButtons(actions) {
  const stop = el('button', { type: 'button', disabled: true, onclick: () => actions.stop() },
    'Stop');
  const node = el('div', { class: 'buttons' },
    el('button', { type: 'submit', class: 'primary' }, 'Run'), stop,
    el('button', { type: 'reset' }, 'Reset'));
  return { node, running: (on) => { stop.disabled = !on; } };
}

// The settings, with what can be asked of them.
function formFields(form, info) {
  const made = Object.fromEntries(Object.entries(fieldsOf(info))
    .map(([name, specs]) => [name, specs.map(fieldOf)]));
  const fields = Object.values(made).flat();
  const command = el('div');
  const follow = () => command.replaceChildren(commandBlock(commandLine(
    flagsOf(read(), info.defaults))));
  const read = () => Object.assign({ ...info.defaults },
    ...fields.map(({ control }) => control.read()));
  const find = (key) => fields.find((each) => each.key === key);
  for (const happening of ['input', 'change']) form.addEventListener(happening, follow);
  return {
    made, fields, command, follow, read,
    // Uploaded models, as values of the model family.
    models: (models) => find('model').control.choice.offer(models.map(({ id, name }) =>
      [`upload:${id}`, name])),
    choose(key, value) {
      find(key).control.write({ [key]: value });
      follow();
    },
  };
}

function setupForm(form, { info, presets }, actions) {
  const settings = formFields(form, info);
  const { made, fields, read } = settings;
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const { calm, complain } = formErrors(fields, problem);
  const buttons = formButtons(actions);
  const upload = el('div', { class: 'upload' });

  function write(config) {
    for (const field of fields) field.control.write(config);
    openUnusual(fields, config, info.defaults);
    calm();
    settings.follow();
  }

  // Whether a configuration can be sent; complains if not.
  function check(config) {
    calm();
    const wrong = Object.entries(config)
      .map(([field, value]) => ({ field, message: faultOf(field, value, info) }))
      .find(({ message }) => message);
    if (wrong) complain(wrong);
    return !wrong;
  }

  const examples = examplePicker(presets, (config) => write({ ...info.defaults, ...config }));

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    actions.run(read());
  });
  form.addEventListener('reset', (event) => {
    event.preventDefault();
    examples.choose('');
    announce('All settings have their defaults');
  });

  const nodes = (name) => made[name].map(({ node }) => node);
  fill(form, {}, [
    examples.node, nodes('common'), upload,
    GROUPS.map(([name, title]) => el('details', { class: 'group', 'data-group': name },
      el('summary', {}, title), nodes(name))),
    nodes('seed'), buttons.node, problem,
    folded('The same on the command line', (inside) => inside.append(settings.command)),
  ]);
  write(info.defaults);
  return { ...settings, write, check, complain, upload, take: examples.choose,
    running: buttons.running };
}
