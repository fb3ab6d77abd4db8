// Tries an action and says how it went: allowed, refused, signed out, or not to be found out.
const words = {
  401: 'Signed out',
  403: 'Refused',
  503: 'Not available',
};

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** The page still shows who was signed in: in its place comes what the first page says now, that this is over and why. */
async function showSignedOut() {
  const text = await (await fetch('/')).text();
  const notice = new DOMParser().parseFromString(text, 'text/html').querySelector('[role=alert]');
  if (notice) document.querySelector('[role=alert], section.person')?.replaceWith(notice);
}

async function attempt(button) {
  const output = button.parentElement.querySelector('output');
  button.setAttribute('aria-busy', 'true');
  try {
    const response = await fetch(button.dataset.path, {
      method: button.dataset.method,
      headers: { accept: 'application/json' },
    });
    output.dataset.status = response.ok ? 'allowed' : 'refused';
    const body = await response.json().catch(() => ({}));
    const head = response.ok ? 'Allowed' : (words[response.status] ?? 'Failed');
    const said = response.ok ? element('code', JSON.stringify(body)) : (body.error?.message ?? '');
    if (response.status === 401) await showSignedOut();
    output.replaceChildren(element('strong', `${response.status} ${head}`), ...(said ? [' · ', said] : []));
  } catch {
    output.dataset.status = 'refused';
    output.textContent = 'The app does not answer.';
  } finally {
    button.removeAttribute('aria-busy');
  }
}

for (const button of document.querySelectorAll('button.action')) {
  button.addEventListener('click', () => attempt(button));
}
