// One server process with a provider of its own, asked over its channel to the parent: `{ id, method, args }`, answered with
// `{ id, value }` or `{ id, code }`. It shares nothing with another one but what a browser carries between them.

import { MastraCloudAuth } from '../dist/esm/index.js';

const [baseUrl, dialect] = process.argv.slice(2);
const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl, dialect });

const methods = {
  login: (redirect, state) => ({ url: auth.getLoginUrl(redirect, state), cookies: auth.getLoginCookies(redirect, state) }),
  callback: async (code, state, cookies) => {
    auth.setCallbackCookieHeader(cookies);
    const result = await auth.handleCallback(code, state);
    return { role: result.user.roles[0], cookie: result.cookies.at(-1).split(';')[0] };
  },
  whoIs: async cookie => (await auth.authenticateToken('', { headers: { cookie } }))?.roles[0] ?? null,
};

process.on('message', ({ id, method, args }) => {
  Promise.resolve(methods[method](...args)).then(
    value => process.send({ id, value }),
    error => process.send({ id, code: error.code ?? String(error) }),
  );
});
process.on('disconnect', () => process.exit());
