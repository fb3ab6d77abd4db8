/** The session cookie of a signed-in person, as a header and as the state of a Playwright browser. */

import { LocalCloudError } from './error.js';

/** Playwright's `storageState`. */
export interface StorageState {
  cookies: {
    name: string;
    value: string;
    domain: string;
    path: string;
    /** -1: until the browser closes. The Cloud decides when the session ends. */
    expires: number;
    httpOnly: boolean;
    secure: boolean;
    sameSite: 'Lax';
  }[];
  origins: { origin: string; localStorage: { name: string; value: string }[] }[];
}

/** As the plugin reads it at this address: without the digits of a deployment, which it tries too. */
export function sessionCookie(app: string, value: string, base = 'mastra_session'): { cookie: string; storageState: StorageState } {
  const url = URL.canParse(app) ? new URL(app) : undefined;
  const isLoopback = url !== undefined && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url === undefined || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)) || url.pathname !== '/') {
    const form = 'https://HOST[:PORT], or http://localhost[:PORT] on this machine, without a path';
    throw new LocalCloudError('unusable_app', `app is not an address where a browser keeps the session's cookie: ${form}.`);
  }
  const secure = url.protocol === 'https:';
  const name = secure ? `__Host-${base}` : base;
  const kept = { name, value, domain: url.hostname, path: '/', expires: -1, httpOnly: true, secure, sameSite: 'Lax' } as const;
  return { cookie: `${name}=${value}`, storageState: { cookies: [kept], origins: [] } };
}
