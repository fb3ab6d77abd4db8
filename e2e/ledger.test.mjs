// The accounts of `load.mjs` at servers that do wrong: each wrong is counted, and nothing else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Ledger, Wire } from './ledger.mjs';

const ME = 'usr_mei';
const answer = (id, status = '200 OK') => {
  const body = JSON.stringify({ id });
  return `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
};

/** One request at a server that writes this; then what was counted, with these ids in the server's log. */
async function accounts(written, { isNameless, logged = () => [] } = {}) {
  const server = createServer((socket) => socket.once('data', () => socket.end(written)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const [wire, ledger] = [await Wire.start(), new Ledger()];
  wire.to = server.address().port;
  const ask = async (headers) => {
    const answered = await fetch(wire.url, { headers });
    return { status: answered.status, text: await answered.text() };
  };
  await ledger.account('good', [200, 401], isNameless ? () => ask({}) : ask, ME);
  // Once its connections are over, the wire has seen all of them.
  await new Promise((resolve) => server.close(resolve));
  wire.stop();
  const breaches = ledger.breaches(wire, logged([...ledger.sent]));
  return Object.fromEntries(Object.entries(breaches).filter(([, count]) => count > 0));
}

const refused = (logged) => accounts(answer(ME, '401 Unauthorized'), { logged });

test('what is as it should be is no breach', async () => {
  assert.deepEqual(await accounts(answer(ME)), {});
  assert.deepEqual(await refused((ids) => ids), {});
});

test('a lost answer, one that comes twice and one about another person are counted', async () => {
  assert.deepEqual(await accounts(''), { lost: 1 });
  assert.deepEqual(await accounts(answer(ME).repeat(2)), { doubled: 1 });
  assert.deepEqual(await accounts(answer('usr_victor')), { crossed: 1 });
});

test('a request that nobody sent, and one that never arrived, are counted', async () => {
  assert.deepEqual(await accounts(answer(ME), { isNameless: true }), { lost: 1, unknown: 1 });
});

test('a refusal that the log lacks, or has twice, or that was none, is counted', async () => {
  assert.deepEqual(await refused(() => []), { unlogged: 1 });
  assert.deepEqual(await refused(([id]) => [id, id]), { 'logged twice': 1 });
  assert.deepEqual(await accounts(answer(ME), { logged: (ids) => ids }), { 'logged without need': 1 });
});
