// A sign-in as a server and a browser do it, with whichever copy of the class it is given.

const REDIRECT = 'http://localhost:4111/api/auth/sso/callback';
const pair = line => line.split(';')[0];

exports.signIn = async (MastraCloudAuth, [baseUrl, dialect, person]) => {
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl, dialect });
  const state = crypto.randomUUID();
  const login = auth.getLoginUrl(REDIRECT, state);
  const cookies = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');

  const { pickPerson } = await import('./login-page.mjs');
  const back = (await pickPerson(login, person)).searchParams;

  auth.setCallbackCookieHeader(cookies);
  const result = await auth.handleCallback(back.get('code'), back.get('state').split('|')[0]);
  const request = new Request('http://localhost:4111/api/agents', { headers: { cookie: pair(result.cookies.at(-1)) } });
  const user = await auth.authenticateToken('', request);
  // A user whose mark a bundler dropped would be authenticated again.
  await auth.getPermissions(user);
  const answers = auth.statistics().requests.reduce((sum, { count }) => sum + count, 0);
  if (answers !== 1) throw new Error(`one request was answered ${answers} times`);
  await auth.destroySession(user.sessionToken);
  const afterwards = await auth.authenticateToken('', request);
  return { name: user.name, roles: user.roles, isSame: user === result.user, afterwards };
};
