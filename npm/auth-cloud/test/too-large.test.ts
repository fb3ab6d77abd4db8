/** A token that does not fit into the cookie is told where the sign-in ends, with its size and the room for it. */

import { expect, test } from 'vitest';

import { MastraCloudAuth } from '../dist/esm/index.js';
import { cloud, finish } from './written-cloud.js';

test.each([
  [undefined, 4_096 - 'mastra_session_12345678'.length],
  ['a_longer_name_of_a_cookie', 4_096 - 'a_longer_name_of_a_cookie'.length],
])('threat_028_a_token_that_does_not_fit_is_told_at_the_sign_in: %s', async (cookieName, room) => {
  for (const length of [room, room + 1, 8_000, 9_000]) {
    const jwt = 't'.repeat(length);
    const times = { created_at: Date.now(), expires_at: Date.now() + 3_600_000 };
    const data = { user: { id: 'usr_1' }, session: { id: 'ses_1', user_id: 'usr_1', ...times }, jwt };
    const baseUrl = await cloud(path => (path.endsWith('/callback') ? { ok: true, data } : { ok: true, data: {} }));
    const events: unknown[] = [];
    const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl, onEvent: event => events.push(event), ...(cookieName && { cookieName }) });
    const signedIn = finish(auth);
    const session = { id: jwt, userId: 'usr_1', createdAt: new Date(), expiresAt: new Date(Date.now() + 3_600_000) };
    if (length <= room) {
      expect((await signedIn).cookies?.at(-1)).toContain(`=${jwt};`);
      expect(auth.getSessionHeaders(session)['Set-Cookie']).toContain(`=${jwt};`);
      continue;
    }
    const told = {
      code: 'cookie_too_large',
      status: 502,
      message: `A token of ${length} bytes does not fit into the cookie, which has room for ${room}.`,
    };
    await expect(signedIn).rejects.toMatchObject(told);
    expect(() => auth.getSessionHeaders(session)).toThrow(expect.objectContaining(told));
    expect(events).toContainEqual(expect.objectContaining({ type: 'sign_in_failed', code: 'cookie_too_large' }));
  }
});
