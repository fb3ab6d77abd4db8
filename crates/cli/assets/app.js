// Tries an action and says how it went: allowed, refused, signed out, or not to be found out.
const words = {
  401: 'You are signed out. Reload the page to sign in again.',
  403: 'Refused',
  503: 'Mastra Cloud cannot be asked right now.',
};

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
    const said = response.ok ? JSON.stringify(body) : (body.error?.message ?? '');
    const head = response.ok ? 'Allowed' : (words[response.status] ?? 'Failed');
    output.textContent = `${response.status} ${head}${said && said !== head ? ` · ${said}` : ''}`;
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
