// Records that convict: whom, of what, why, and how to check them oneself.

const FAULT_TITLES = {
  equivocation: 'signed two different operations with one number',
  'invalid-relay': 'passed on an operation that its author did not sign',
  'wrong-content': 'sent other bytes than those whose address it signed',
  'non-finite': 'contributed a tensor with a value that is not a number or out of bounds',
  'illegal-field': 'signed a field outside its legal range',
  'broken-chain': 'signed an operation that does not continue its own chain',
  'foreign-retraction': 'removed a contribution of somebody else',
  copy: 'contributed the tensors of another author as its own',
  slander: 'signed evidence that proves nothing',
  'double-attestation': 'signed two different measurements with one number',
};

const MOST_RECORD_TEXT = 20000;

// A record is an object of one field, which is named as the fault.
const faultIn = (record) => Object.keys(record)[0];

// The records that a report has inside, without words for what is in them.
const embeddedEvidence = (report) => report.evidence.map((record) =>
  ({ accused: null, title: faultIn(record), facts: [], record }));

function missingEvidence({ run }) {
  if (run.evidence || run.report.evidence.length) return null;
  return 'Nobody was convicted: no record shows anybody signing what no correct node signs.';
}

// Offers text made in the page as a file.
function downloadText(name, kind, text) {
  const href = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = el('a', { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 0);
}

function recordText(record) {
  const text = JSON.stringify(record, null, 1);
  return text.length <= MOST_RECORD_TEXT ? text
    : `${text.slice(0, MOST_RECORD_TEXT)}\n… ${count(text.length - MOST_RECORD_TEXT)} more `
      + 'characters are in the download';
}

function convictionCard({ accused, title, facts, record }, number) {
  const download = () =>
    downloadText(`evidence-${number}.json`, 'application/json', JSON.stringify(record));
  return el('li', { class: 'conviction' },
    el('p', {}, el('b', {}, accused ? nameText(accused) : `Record ${number}`), ': ',
      FAULT_TITLES[faultIn(record)] ?? faultIn(record), ' ', tag('bad', title)),
    facts.length ? el('ul', {}, facts.map((fact) => el('li', {}, fact))) : null,
    folded('The record itself', (inside) => inside.append(
      el('pre', { class: 'record', tabindex: 0 }, recordText(record)))),
    el('p', {}, el('button', { type: 'button', onclick: download,
      'aria-label': `Download record ${number}` }, 'Download')));
}

// What the operations of the final state say of convictions: a report has no more words for them.
function publishedWords({ report }) {
  const texts = report.trace.filter(({ kind }) => kind === 'evidence')
    .map(({ author, text }) => `${author} published: ${text}`);
  return [...new Set(texts)];
}

function evidenceList(run, host, all) {
  if (all.length === 0) {
    host.replaceChildren(note(run.ended ? 'Nobody was convicted.' : 'Nobody was convicted yet.'));
    return;
  }
  const words = run.evidence ? [] : publishedWords(run);
  const download = () => downloadText('evidence.json', 'application/json',
    JSON.stringify(all.map(({ record }) => record)));
  host.replaceChildren(
    caption(`${plural(all.length, 'record')} in the evidence of the final state.`),
    el('ol', { class: 'convictions' }, all.map((one, at) => convictionCard(one, at + 1))),
    words.length ? folded('Who published them', (inside) => inside.append(
      el('ul', {}, words.map((text) => el('li', {}, text))))) : '',
    el('h3', {}, 'Check it yourself'),
    el('p', {}, 'A record needs nothing but itself. Download the records and run: '),
    commandBlock(['espalier verify', '--evidence evidence.json']),
    el('p', {}, el('button', { type: 'button', onclick: download }, 'Download all records')));
}

function showEvidence({ run }, host) {
  const list = el('div');
  host.append(list);
  let told = null;
  let asking = false;

  async function ask() {
    asking = true;
    try {
      const all = await run.evidence();
      const wanted = `${run.ended} ${all.length}`;
      if (wanted !== told) evidenceList(run, list, all);
      told = wanted;
    } catch (error) {
      list.replaceChildren(note(error.message));
    } finally {
      asking = false;
    }
  }

  const update = () => {
    if (!run.evidence) evidenceList(run, list, embeddedEvidence(run.report));
    // Evidence is that of the final state, so there is nothing to hear before.
    else if (!run.ended) list.replaceChildren(note('Available when the run has ended.'));
    else if (told === null && !asking) ask();
  };
  update();
  return update;
}
