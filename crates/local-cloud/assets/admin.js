// Keeps the admin page up to date, once a second, and carries out what is pressed. Text goes in as text, never as markup.
const $ = (id) => document.getElementById(id);
const busy = { shown: '' };

function node(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function row(...cells) {
  const element = node('tr');
  for (const cell of cells) {
    const td = node('td');
    td.append(cell);
    element.append(td);
  }
  return element;
}

function fill(id, children, empty) {
  const target = $(id);
  const none = target.tagName === 'TBODY' ? row(node('span', empty, { class: 'soft' })) : node('li', empty, { class: 'soft' });
  target.replaceChildren(...(children.length ? children : [none]));
}

const time = (text) => new Date(text).toLocaleTimeString();

function show(state) {
  // Rebuilding what has not changed would take the focus away from a button.
  const shown = JSON.stringify(state);
  if (shown === busy.shown) return;
  busy.shown = shown;
  fill('sessions', state.sessions.map((session) => {
    const end = session.alive ? node('button', 'End', { type: 'button', class: 'quiet', 'data-end-session': session.id }) : '';
    const word = session.alive ? 'alive' : session.endedAt ? 'ended' : 'expired';
    return row(session.name ?? session.userId, node('code', session.id), node('code', session.projectId), time(session.createdAt),
      node('span', word, { class: `state ${word}` }), end);
  }), 'Nobody has signed in yet.');
  fill('keys', state.keys.map((key) => {
    const item = node('li');
    item.append(node('code', key.kid), node('span', key.alg), node('span', key.signs ? 'signs' : 'verifies', { class: 'chip' }));
    return item;
  }), 'None');
  fill('faults', state.faults.map(({ id, endpoint, times, ...what }) => {
    const item = node('li');
    const name = faultName(what);
    const off = node('button', 'Switch off', { type: 'button', class: 'quiet', 'data-clear-fault': id });
    off.append(node('span', ` ${name} on ${endpoint}`, { class: 'hidden' }));
    item.append(node('strong', name), node('span', `on ${endpoint}, ${times ? `${times} more` : 'until cleared'}`, { class: 'soft' }), off);
    return item;
  }), 'None is on.');
  fill('log', [...state.log].reverse().slice(0, 20).map((entry) =>
    row(time(entry.at), `${entry.method} ${entry.endpoint}`, String(entry.status), `${entry.ms} ms`)), 'None yet.');
  for (const person of state.people) {
    const select = document.querySelector(`select[data-user="${CSS.escape(person.id)}"]`);
    if (select && document.activeElement !== select) select.value = person.role;
  }
}

/** As the form calls it; what was switched on by another way has the names of its members. */
function faultName(what) {
  const members = ({ kind, ...rest }) => [kind.replaceAll('_', ' '), ...Object.entries(rest).map(([name, value]) => `${name} ${value}`)].join(', ');
  const options = [...document.querySelectorAll('#fault-form option')];
  const chosen = options.find(({ value }) => value.startsWith('{') && members(JSON.parse(value)) === members(what));
  return chosen?.textContent ?? members(what);
}

/** A new token of a person goes to the clipboard and nowhere else. */
async function copyToken(person) {
  try {
    const token = call('POST', 'tokens', { person }).then((issued) => new Blob([issued.token], { type: 'text/plain' }));
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': token })]);
    await refresh();
    $('status').textContent = 'Token copied';
  } catch {
    $('status').textContent = 'The browser did not copy it. In a terminal: mastra-auth token new --as ' + person;
  }
}

async function call(method, path, body) {
  const response = await fetch(`/admin/api/${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error?.message ?? `HTTP ${response.status}`);
  return response.json();
}

async function refresh() {
  try {
    show(await call('GET', 'state'));
    $('status').textContent = 'Live';
  } catch {
    $('status').textContent = 'The local Cloud does not answer.';
  }
}

async function act(done, ...request) {
  try {
    await call(...request);
    await refresh();
    $('status').textContent = done;
  } catch (error) {
    $('status').textContent = error.message;
  }
}

document.addEventListener('click', ({ target }) => {
  const button = target.closest('button');
  if (!button) return;
  const { endSession, endUser, copyToken: person, clearFault } = button.dataset;
  if (endSession) act('Session ended', 'DELETE', `sessions/${encodeURIComponent(endSession)}`);
  if (endUser) act('Sessions ended', 'DELETE', `users/${encodeURIComponent(endUser)}/sessions`);
  if (person) copyToken(person);
  if (clearFault) act('Fault switched off', 'DELETE', `faults/${clearFault}`);
  if (button.id === 'rotate') act('New key', 'POST', 'keys/rotate');
  if (button.id === 'clear') act('Faults cleared', 'DELETE', 'faults');
});

document.addEventListener('change', ({ target }) => {
  if (target.dataset.user) act('Role changed', 'PUT', `users/${encodeURIComponent(target.dataset.user)}/role`, { role: target.value });
});

$('fault-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const fault = { ...JSON.parse(form.get('fault')), endpoint: form.get('endpoint') };
  if (form.get('times')) fault.times = Number(form.get('times'));
  act('Fault switched on', 'POST', 'faults', fault);
});

refresh();
setInterval(refresh, 1000);
