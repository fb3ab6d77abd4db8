// A browser's part at the local Cloud's login page, without a browser.

/** Picks a person there; answers the address of the callback that the Cloud sends the browser to. */
export async function pickPerson(login, person) {
  const page = await (await fetch(login)).text();
  const number = /name="number" value="([^"]+)"/.exec(page)?.[1];
  const id = new RegExp(`value="([^"]+)" data-person="${person}"`).exec(page)?.[1];
  if (number === undefined || id === undefined) throw new Error(`not a login page: ${page}`);
  const { origin } = new URL(login);
  const picked = await fetch(`${origin}/auth/oss`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ number, person: id }),
  });
  return new URL(picked.headers.get('location') ?? '');
}
