// A browser's part at the local Cloud's login page, without a browser.

/** Picks a person there; answers the address of the callback that the Cloud sends the browser to. */
export async function pickPerson(login, person) {
  const page = await (await fetch(login)).text();
  const number = /name="number" value="([^"]+)"/.exec(page)?.[1];
  const id = new RegExp(`value="([^"]+)" data-person="${person}"`).exec(page)?.[1];
  if (number === undefined || id === undefined) throw new Error(`not a login page: ${page}`);
  const { origin } = new URL(login);
  const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1] ?? '/auth/oss';
  let answer = await fetch(new URL(action, origin), {
    method: 'POST',
    redirect: 'manual',
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ number, person: id }),
  });
  // The platform leads on by an address of its own.
  for (let hops = 0; hops < 3; hops += 1) {
    const location = answer.headers.get('location');
    if (location === null) break;
    const next = new URL(location, origin);
    if (next.origin !== origin) return next;
    answer = await fetch(next, { redirect: 'manual' });
  }
  throw new Error(`the login page leads nowhere: ${answer.status} ${await answer.text()}`);
}
