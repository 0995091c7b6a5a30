// Models that the reader brings along: sent with their progress, listed, chosen, removed.

// Sends a file; `progress(share)` hears how much of it is gone. Returns { done, stop }.
function sendModel(file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => progress(loaded / Math.max(1, total));
    request.onload = () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { error: { code: 'no-json',
          message: `The server answered with status ${request.status}.` } };
      }
      if (request.status < 300) resolve(answer);
      else reject(new ApiError(request.status, answer.error));
    };
    request.onerror = () => reject(new Error('The server ended the upload. The file may be larger '
      + 'than it takes, or the server is gone.'));
    request.onabort = () => reject(new Error('The upload was stopped.'));
    request.open('POST', `${API}/models${queryOf({ name: file.name })}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.send(file);
  });
  return { done, stop: () => request.abort() };
}

function modelRow(model, { choose, remove }) {
  const { id, name, bytes: size, tensors, parameters } = model;
  return el('li', {}, el('span', {}, nameText(name), el('span', { class: 'hint' },
    `${bytes(size)}, ${plural(tensors, 'tensor')}, ${plural(parameters, 'parameter')}`)),
  el('div', { class: 'line' },
    el('button', { type: 'button', 'aria-label': `Use ${name}`,
      onclick: () => choose(`upload:${id}`) }, 'Use'),
    el('button', { type: 'button', 'aria-label': `Remove ${name}`,
      onclick: () => remove(model) }, 'Remove')));
}

// What is wrong with a file before it is sent; null if nothing is.
function fileFault(file, limits) {
  if (file.size === 0) return `${file.name} is empty.`;
  if (known(limits.upload_bytes) && file.size > limits.upload_bytes) {
    return `${file.name} has ${bytes(file.size)}; at most ${bytes(limits.upload_bytes)} are taken.`;
  }
  return null;
}

// The parts of the upload in `host`. `take(file)` hears of a file, dropped or picked.
function uploadParts(host, take) {
  const input = el('input', { type: 'file', accept: '.safetensors', class: 'visually-hidden',
    tabindex: -1, 'aria-label': 'A safetensors file', onchange: () => take(input.files[0]) });
  const button = el('button', { type: 'button', onclick: () => input.click() },
    'Bring your own model…');
  const bar = el('progress', { 'aria-label': 'Progress of the upload', max: 1, value: 0,
    hidden: true });
  const stop = el('button', { type: 'button', hidden: true }, 'Stop the upload');
  const said = el('p', { class: 'hint', role: 'status' });
  const wrong = el('p', { class: 'error', role: 'alert', hidden: true });
  const list = el('ul', { class: 'runs models' });
  host.append(input, el('div', { class: 'drop' }, button,
    el('span', { class: 'hint' }, 'A safetensors file, or drop one here.')),
  el('div', { class: 'line' }, bar, stop), said, wrong, list);
  for (const happening of ['dragenter', 'dragover']) {
    host.addEventListener(happening, (event) => {
      event.preventDefault();
      host.classList.add('over');
    });
  }
  host.addEventListener('dragleave', () => host.classList.remove('over'));
  host.addEventListener('drop', (event) => {
    event.preventDefault();
    host.classList.remove('over');
    take(event.dataTransfer.files[0]);
  });
  return { input, button, bar, stop, said, list,
    busy(on) {
      bar.hidden = stop.hidden = !on;
      button.disabled = on;
    },
    complain(message) {
      wrong.textContent = message ?? '';
      wrong.hidden = !message;
    } };
}

// `choose(value)` takes a value for the setting `model`. Called once.
function showUpload(host, page, choose) {
  const { input, button, bar, stop, said, list, busy, complain } = uploadParts(host, take);

  const remove = async ({ id, name }) => {
    try {
      await api('DELETE', `/models/${encodeURIComponent(id)}`);
      announce(`${name} was removed`);
    } catch (error) {
      complain(error.message);
    }
    await refresh();
    button.focus();
  };

  async function refresh() {
    try {
      const models = await api('GET', '/models');
      list.replaceChildren(...models.map((model) => modelRow(model, { choose, remove })));
      page.modelsChanged(models);
    } catch (error) {
      complain(error.message);
    }
  }

  async function take(file) {
    // The same file can be picked again.
    input.value = '';
    if (!file || button.disabled) return;
    const fault = fileFault(file, page.info.limits);
    complain(fault);
    said.textContent = '';
    if (fault) return;
    busy(true);
    const sending = sendModel(file, (part) => {
      bar.value = part;
      said.textContent = part < 1 ? `${file.name}: ${share(part)} sent` : `${file.name}: checked…`;
    });
    stop.onclick = sending.stop;
    try {
      const model = await sending.done;
      await refresh();
      choose(`upload:${model.id}`);
      said.textContent = `${model.name} is ready and selected.`;
    } catch (error) {
      said.textContent = '';
      complain(error.message);
    } finally {
      busy(false);
    }
  }

  refresh();
}
