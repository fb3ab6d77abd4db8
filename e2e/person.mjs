// A person with a browser that has a cookie jar and no pages: signs in at a Mastra server through the local Cloud.
import assert from 'node:assert/strict';
import { pickPerson } from '../npm/auth-cloud/scripts/login-page.mjs';

/** The name of a session cookie on a port of its own, in each dialect. */
export const SESSION = /^(mastra_session|wos-session)_/;

/** One browser, turned to one server. It keeps the server's cookies and sends them as a browser does. */
export class Person {
  jar = new Map();

  /** `api` is where the server has its routes, `callback` where sign-ins come back, `back` the page that the person wants. */
  constructor(name, server, { api = '/api', callback = '/auth/callback', back = '/welcome?x=1' } = {}) {
    Object.assign(this, { name, server, api, callback, back });
  }

  /** The `Cookie` header; undefined where the jar is empty. */
  get cookies() {
    return this.jar.size === 0 ? undefined : [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Asks the server for a path, and keeps what it sets. The server's own `Set-Cookie` lines are in the answer. */
  async ask(path, { body, ...options } = {}) {
    const headers = { accept: 'application/json', ...(this.cookies && { cookie: this.cookies }), ...options.headers };
    if (body !== undefined) {
      options = { method: 'POST', body: JSON.stringify(body), ...options };
      headers['content-type'] = 'application/json';
    }
    const answer = await fetch(new URL(path, this.server), { redirect: 'manual', ...options, headers });
    const setCookies = answer.headers.getSetCookie();
    for (const line of setCookies) this.#keep(line);
    const text = await answer.text();
    return { status: answer.status, location: answer.headers.get('location'), setCookies, text };
  }

  #keep(line) {
    const [pair, ...attributes] = line.split('; ');
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const isOver = attributes.some((one) => /^max-age=0$/i.test(one));
    if (isOver) this.jar.delete(name);
    else this.jar.set(name, value);
  }

  /** To the Cloud's login page, whose address `change` may change, and the choice there; answers the callback's address. */
  async choose(change = () => {}) {
    const begin = await this.ask(`${this.api}/auth/sso/login?redirect_uri=${encodeURIComponent(this.back)}`);
    const { url } = JSON.parse(begin.text);
    assert.ok(url, begin.text);
    const login = new URL(url);
    change(login);
    const callback = await pickPerson(login.href, this.name);
    assert.equal(callback.origin + callback.pathname, this.server + this.callback);
    return callback;
  }

  /** The whole way in; answers what the callback set. */
  async signIn() {
    const callback = await this.choose();
    const { status, location, setCookies, text } = await this.ask(callback.pathname + callback.search);
    assert.equal(status, 302, text);
    assert.equal(new URL(location, this.server).href, this.server + this.back, 'back to the page that was wanted');
    assert.ok(this.session, `no session cookie in ${setCookies.map((line) => line.split('=')[0])}`);
    return setCookies;
  }

  get session() {
    return this.jar.get(this.sessionName);
  }

  /** The server's address names a port, so the name ends in a suffix of the deployment's own. */
  get sessionName() {
    return [...this.jar.keys()].find((name) => SESSION.test(name)) ?? 'mastra_session';
  }

  /** Who the server says is there. */
  async me() {
    const { status, text } = await this.ask(`${this.api}/auth/me`);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  /** A protected route that every role may use. */
  async agents() {
    return (await this.ask(`${this.api}/agents`)).status;
  }

  /** A protected route that a viewer may not use. */
  runWorkflow() {
    return this.ask(`${this.api}/workflows/refund/start-async`, { body: { inputData: { number: '1002' } } });
  }
}
