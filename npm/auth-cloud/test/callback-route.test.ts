/**
 * The callback as a route of its own: a sign-in is finished in the browser that began it and in no other, also where the Cloud puts its
 * product's name in the place of the state's id, and wherever else it brings the id back.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MastraCloudAuth, MastraCloudAuthProvider, authCallbackRoute } from '../dist/esm/index.js';
import type { CloudAuthEvent } from '../dist/esm/index.js';
import { startLocalCloud } from '../dist/esm/testing.js';
import type { LocalCloud, LocalPlatformOptions } from '../dist/esm/testing.js';
import { pickPerson } from '../scripts/login-page.mjs';
import { BINARY, REDIRECT, pair } from './world.js';
import type { Person } from './world.js';

const PATH = '/auth/callback';
const MISMATCH = 'The sign-in was begun by another browser.';

/** How a Cloud brings the id of a sign-in back. */
const CLOUDS: { title: string; dialect: 'v1' | 'pkce' | 'platform'; platform?: LocalPlatformOptions }[] = [
  { title: 'v1', dialect: 'v1' },
  { title: 'pkce', dialect: 'pkce' },
  { title: 'platform, in the return path', dialect: 'platform', platform: { redirectQuery: 'drop' } },
  { title: 'platform, in the query of the address too', dialect: 'platform', platform: { redirectQuery: 'keep' } },
  { title: 'platform, in the state', dialect: 'platform', platform: { redirectQuery: 'drop', callbackState: 'echo' } },
];

/** What a page that failed is told. */
const errorOf = (answer: Response) => new URL(answer.headers.get('location') ?? '', REDIRECT).searchParams.get('error');

describe.each(CLOUDS)('$title', ({ dialect, platform }) => {
  let cloud: LocalCloud;
  beforeAll(async () => {
    cloud = await startLocalCloud({ binary: BINARY, dialect, ...(platform && { platform }) });
  });
  afterAll(() => cloud.close());

  function server() {
    const events: CloudAuthEvent[] = [];
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect, onEvent: event => void (event.type === 'cloud_call' || events.push(event)) });
    const answer = auth.callbackAt(PATH);
    /** The browser begins a sign-in and comes back from the Cloud. */
    async function begin(person: Person, back = '/agents?tab=1#top') {
      const state = `${crypto.randomUUID()}|${encodeURIComponent(back)}`;
      const cookie = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
      const callback: URL = await pickPerson(auth.getLoginUrl(REDIRECT, state), person);
      return { cookie, callback };
    }
    const arrive = (callback: URL, cookie: string, more: Record<string, string> = {}, method = 'GET') =>
      answer(new Request(callback, { method, headers: { cookie, ...more } }));
    const whoHas = async (response: Response) => {
      const session = pair(response.headers.getSetCookie().at(-1) ?? '');
      return (await auth.getCurrentUser(new Request('http://localhost:4111/', { headers: { cookie: session } })))?.id;
    };
    return { auth, events, begin, arrive, whoHas };
  }

  test('the browser that began a sign-in finishes it, and gets every cookie', async () => {
    const { begin, arrive, whoHas, events } = server();
    const { callback, cookie } = await begin('owner');
    expect(callback.origin + callback.pathname).toBe(`http://localhost:4111${PATH}`);
    const answer = await arrive(callback, cookie);
    const { headers } = answer;
    expect([answer.status, headers.get('location')]).toEqual([302, '/agents?tab=1#top']);
    expect([headers.get('referrer-policy'), headers.get('cache-control')]).toEqual(['no-referrer', 'no-store']);
    expect([headers.get('x-content-type-options'), headers.get('content-security-policy')?.split(';')[0]]).toEqual(['nosniff', "default-src 'none'"]);
    // The login cookie is cleared, and the session's is the last.
    expect(headers.getSetCookie().map(line => /; Max-Age=0(;|$)/.test(line))).toEqual([true, false]);
    expect(await whoHas(answer)).toBe('usr_olivia');
    expect(events.map(({ type }) => type)).toEqual(['signed_in']);
    // As after an answer that was lost.
    const again = await arrive(callback, cookie);
    expect([again.headers.get('location'), await whoHas(again)]).toEqual(['/agents?tab=1#top', 'usr_olivia']);
  });

  test('threat_040_a_callback_of_another_browser_makes_no_session_in_one_that_has_begun_a_sign_in', async () => {
    const { auth, begin, arrive, events } = server();
    const [foreign, own] = [await begin('owner'), await begin('viewer')];
    const answer = await arrive(foreign.callback, own.cookie);
    expect([answer.status, errorOf(answer), answer.headers.getSetCookie()]).toEqual([302, MISMATCH, []]);
    expect(events.map(event => ('code' in event ? event.code : event.type))).toEqual(['state_mismatch']);
    // The server's own callback stays reachable, and passes on no more than this.
    const [code, state] = ['code', 'state'].map(name => foreign.callback.searchParams.get(name) ?? '') as [string, string];
    for (const passed of [state.split('|')[0] ?? '', 'deploy', state, `deploy|${state.split('|')[1]}`]) {
      auth.setCallbackCookieHeader(own.cookie);
      await expect(auth.handleCallback(code, passed), passed).rejects.toMatchObject({ code: 'state_mismatch' });
    }
    const nobody = await arrive(foreign.callback, '');
    expect([errorOf(nobody), nobody.headers.getSetCookie()]).toEqual(['The browser did not bring the cookie of a sign-in begun here.', []]);
    // Nothing was spent.
    expect(errorOf(await arrive(own.callback, own.cookie))).toBeNull();
    expect(errorOf(await arrive(foreign.callback, foreign.cookie))).toBeNull();
  });

  test('each of two tabs gets the person who was chosen in it, in either order', async () => {
    for (const isLastFirst of [false, true]) {
      const { begin, arrive, whoHas } = server();
      const tabs = [await begin('owner', '/one'), await begin('viewer', '/two')];
      const jar = tabs.map(({ cookie }) => cookie).join('; ');
      const order = isLastFirst ? [1, 0] : [0, 1];
      const found = [];
      for (const at of order) {
        const answer = await arrive(tabs[at]!.callback, jar);
        found[at] = [answer.headers.get('location'), await whoHas(answer)];
      }
      expect(found).toEqual([['/one', 'usr_olivia'], ['/two', 'usr_victor']]);
    }
  });

  test('it leads to Studio on another port, after a failure too, and nowhere else', async () => {
    const { begin, arrive } = server();
    const studio = 'http://localhost:3000/agents?tab=1#top';
    const { callback, cookie } = await begin('owner', studio);
    const failed = await arrive(callback, '');
    expect(failed.headers.get('location')).toMatch(/^http:\/\/localhost:3000\/agents\?tab=1&error=[^&#]+#top$/);
    expect((await arrive(callback, cookie)).headers.get('location')).toBe(studio);
    const outside = await begin('owner', 'https://evil.example/');
    expect((await arrive(outside.callback, outside.cookie)).headers.get('location')).toBe('/');
    // On a server that is not on this machine another port is another place.
    const { begin: beginThere, arrive: arriveThere } = server();
    const there = await beginThere('owner', studio);
    const answer = await arriveThere(there.callback, '', { 'x-forwarded-host': 'app.example.com' });
    expect(answer.headers.get('location')).toMatch(/^\/\?error=/);
  });

  test('HEAD and a prefetch spend nothing', async () => {
    const { begin, arrive } = server();
    const { callback, cookie } = await begin('owner');
    const of = async (more: Record<string, string>, method?: string) => {
      const { status, headers } = await arrive(callback, cookie, more, method);
      return [status, headers.getSetCookie(), headers.get('cache-control'), headers.get('referrer-policy')];
    };
    expect(await of({}, 'HEAD')).toEqual([204, [], 'no-store', 'no-referrer']);
    for (const purpose of ['prefetch', 'prefetch;prerender', 'Prefetch ; anonymous-client-ip']) {
      expect(await of({ 'sec-purpose': purpose })).toEqual([503, [], 'no-store', 'no-referrer']);
    }
    expect(await of({ 'x-moz': 'prefetch' }, 'HEAD')).toEqual([503, [], 'no-store', 'no-referrer']);
    expect((await of({ 'sec-purpose': 'no-prefetch' }))[0]).toBe(302);
  });

  test('a sign-in that was denied, and a query that two readers would read in two ways, end in an error', async () => {
    const { begin, arrive, events } = server();
    const { callback, cookie } = await begin('owner', '/agents');
    const changed = (change: (query: URLSearchParams) => void) => {
      const url = new URL(callback);
      change(url.searchParams);
      return arrive(url, cookie);
    };
    const codes = () => events.splice(0).map(event => ('code' in event ? event.code : event.type));
    const denied = await changed(query => query.append('error', 'access_denied'));
    expect(denied.headers.get('location')).toMatch(/^\/agents\?error=/);
    expect(codes()).toEqual(['access_denied']);
    for (const name of ['code', 'state', 'error', 'mastra_state']) {
      const twice = await changed(query => [1, 2].forEach(() => query.append(name, query.get(name) ?? '')));
      expect(twice.headers.get('location'), name).toBe('/?error=The%20sign-in%20callback%20has%20no%20usable%20state.');
      expect(codes(), name).toEqual(['state_malformed']);
    }
    // A browser that is signed in is led on, and keeps its session.
    const signedIn = await arrive(callback, cookie);
    const session = signedIn.headers.getSetCookie().map(pair).at(-1) ?? '';
    const late = await arrive(callback, session);
    expect([late.headers.get('location'), late.headers.getSetCookie().map(pair)]).toEqual(['/agents', [session]]);
  });

  test('an overridden handleCallback decides, and its own errors are the server\'s', async () => {
    class Staff extends MastraCloudAuth {
      override async handleCallback(code: string, state: string) {
        const result = await super.handleCallback(code, state);
        if (result.user.id !== 'usr_olivia') throw new Error('planted');
        return result;
      }
    }
    const auth = new Staff({ projectId: 'demo', baseUrl: cloud.url, dialect });
    const answer = auth.callbackAt(PATH);
    const come = async (person: Person) => {
      const state = crypto.randomUUID();
      const cookie = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
      return answer(new Request(await pickPerson(auth.getLoginUrl(REDIRECT, state), person), { headers: { cookie } }));
    };
    expect((await come('owner')).headers.getSetCookie().length).toBe(2);
    await expect(come('viewer')).rejects.toThrow('planted');
  });

  /** A provider whose override waits before it asks, until it is released. */
  function waiting() {
    let release = () => {};
    const waits = new Promise<void>(resolve => (release = resolve));
    class Waits extends MastraCloudAuth {
      override async handleCallback(code: string, state: string) {
        await waits;
        return super.handleCallback(code, state);
      }
    }
    const auth = new Waits({ projectId: 'demo', baseUrl: cloud.url, dialect });
    return { auth, answer: auth.callbackAt(PATH), release };
  }

  test('an override that waits before it asks the provider takes no other browser for its own', async () => {
    const { auth, answer, release } = waiting();
    const come = async (person: Person) => {
      const state = crypto.randomUUID();
      const cookie = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
      return new Request(await pickPerson(auth.getLoginUrl(REDIRECT, state), person), { headers: { cookie } });
    };
    const [owner, viewer] = await Promise.all([come('owner'), come('viewer')]);
    // Another browser that brings the owner's callback is signed in as no user.
    const other = new Request(viewer.url, { headers: { cookie: owner.headers.get('cookie') ?? '' } });
    const answers = [owner, viewer].map(request => answer(request));
    release();
    const users = (await Promise.all(answers)).map(one => one.headers.getSetCookie().map(pair).at(-1) ?? '');
    const names = users.map(async cookie => (await auth.getCurrentUser(new Request(REDIRECT, { headers: { cookie } })))?.id);
    expect(await Promise.all(names)).toEqual(['usr_olivia', 'usr_victor']);
    expect((await answer(other)).headers.getSetCookie()).toEqual([]);
  });

  test('two browsers that bring one callback at once to such an override are both refused', async () => {
    const { auth, answer, release } = waiting();
    const state = crypto.randomUUID();
    const cookie = auth.getLoginCookies(REDIRECT, state).map(pair).join('; ');
    const url = await pickPerson(auth.getLoginUrl(REDIRECT, state), 'owner');
    const answers = ['theme=dark', cookie].map(brought => answer(new Request(url, { headers: { cookie: brought } })));
    release();
    for (const { headers } of await Promise.all(answers)) expect(headers.getSetCookie()).toEqual([]);
    // A callback that is alone again is not lost.
    expect((await answer(new Request(url, { headers: { cookie } }))).headers.getSetCookie().length).toBe(2);
  });

  test('without the route the server\'s own callback is named', () => {
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: cloud.url, dialect });
    const back = () => new URL(new URL(auth.getLoginUrl(REDIRECT, 'id|%2Fx')).searchParams.get('redirect_uri') ?? '').pathname;
    expect(back()).toBe('/api/auth/sso/callback');
    expect(authCallbackRoute(auth, '/login/done')).toMatchObject({ path: '/login/done', method: 'GET', requiresAuth: false });
    expect(back()).toBe('/login/done');
  });
});

test('a path that browsers would write in another way is refused, and a bad address of the host stays its error', () => {
  const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: 'http://127.0.0.1:9' });
  for (const path of ['', 'auth/callback', '//evil.example/cb', '/\\evil.example', '/a?b', '/a#b', '/a/../b', '/a b', 'https://evil.example/']) {
    expect(() => auth.callbackAt(path), path).toThrow(/The path of a callback begins with a slash/);
  }
  auth.callbackAt(PATH);
  expect(() => auth.getLoginUrl('nonsense', 's')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
});

test('a fixed callbackUrl of the old plugin gives the origin', () => {
  const auth = new MastraCloudAuthProvider({ projectId: 'demo', cloudBaseUrl: 'http://127.0.0.1:9', callbackUrl: 'http://localhost:4112/cb' });
  const back = () => new URL(auth.getLoginUrl(REDIRECT, 's')).searchParams.get('redirect_uri');
  expect(back()).toBe('http://localhost:4112/cb');
  auth.callbackAt(PATH);
  expect(back()).toBe(`http://localhost:4112${PATH}`);
});
