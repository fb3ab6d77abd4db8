/**
 * Redis over TLS: a server is trusted for its certificate, which must be of an authority that is trusted, and for its host.
 *
 * `ours` is of the authority that this process trusts, and `strangers` of another; both are for 127.0.0.1.
 */

import { expect, test } from 'vitest';

import { redisChannel } from '../dist/esm/revocation/redis.js';
import { RedisServer } from './redis-server.js';
import { until } from './world.js';

const REALM = '0'.repeat(32);

test('instances tell each other over TLS and no other server is trusted', async () => {
  const [ours, strangers] = await Promise.all([RedisServer.start('ours'), RedisServer.start('strangers')]);
  try {
    const heard: string[] = [];
    const there = await redisChannel(ours.url).subscribe(texts => heard.push(...texts), () => undefined, REALM, 10);
    const message = { text: 'ses_1', until: Date.now() + 60_000, kept: true };
    await redisChannel(ours.url).publish([message], REALM);
    await until(() => heard.includes('ses_1'));
    await there.close();
    // Of another authority; and for another host than its own.
    for (const url of [strangers.url, ours.urlAt('localhost')]) {
      const error = await redisChannel(url).publish([message], REALM).then(
        () => undefined,
        (reason: { code?: string }) => reason.code,
      );
      expect(error).toMatch(/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT.*|ERR_TLS_CERT_ALTNAME_INVALID)$/);
    }
  } finally {
    await Promise.all([ours.kill(), strangers.kill()]);
  }
});
