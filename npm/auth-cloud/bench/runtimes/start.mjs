// What the first request waits for, in milliseconds: an instance of the rules, the package, the answer. Nothing is imported before.

import { byKeys, keysOf, request, sign } from './subject.mjs';

export async function start({ clock = () => performance.now() }) {
  const { privateKey, source } = await keysOf('EdDSA');
  const token = await sign('EdDSA', privateKey, 0);
  const begun = await clock();
  await import('#host');
  const opened = await clock();
  const { MastraCloudAuth } = await import('../../dist/esm/index.js');
  const loaded = await clock();
  if ((await new MastraCloudAuth(byKeys('EdDSA', source)).authenticateToken(token, request())) === null) throw new Error('it is refused');
  return { instance: opened - begun, answer: (await clock()) - loaded };
}
