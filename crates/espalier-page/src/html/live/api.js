// Requests to the server that this page came from.

const API = '/api/v1';

// What the server refused: `field` names the setting that is to blame, if one is.
class ApiError extends Error {
  constructor(status, { code, field, message }) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field ?? null;
  }
}

async function refusal(answer) {
  try {
    const { error } = await answer.json();
    return new ApiError(answer.status, error);
  } catch {
    return new ApiError(answer.status, { code: 'no-json',
      message: `The server answered with status ${answer.status}.` });
  }
}

// JSON in and out; null where there is no content.
async function api(method, path, body) {
  const options = { method, headers: { accept: 'application/json' } };
  if (body !== undefined) {
    options.headers['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(`${API}${path}`, options);
  if (!answer.ok) throw await refusal(answer);
  return answer.status === 204 ? null : answer.json();
}

// `?a=1&b=2` of what is known.
function queryOf(values) {
  const pairs = Object.entries(values).filter(([, value]) => known(value) && value !== '');
  return pairs.length ? `?${new URLSearchParams(pairs)}` : '';
}

// Where a run of the server gets what the page does not keep.
function serverSource(id) {
  const at = `/runs/${encodeURIComponent(id)}`;
  const node = (name) => `${at}/nodes/${encodeURIComponent(name)}`;
  const file = (name, text) => ({ name: text, href: `${API}${at}/${name}` });
  return {
    audit: (query) => api('GET', `${at}/audit${queryOf(query)}`),
    trace: (query) => api('GET', `${at}/trace${queryOf(query)}`),
    node: (name, round) => api('GET', `${node(name)}${queryOf({ round })}`),
    proof: (name, round, op) => api('GET', `${node(name)}/proof${queryOf({ round, op })}`),
    evidence: () => api('GET', `${at}/evidence`),
    files: {
      audit: file('audit.csv', 'audit.csv'), auditJson: file('audit.json', 'audit.json'),
      report: file('report.html', 'report.html'), reportJson: file('report.json', 'report.json'),
    },
  };
}
