// What tests of sessions that the platform replaces stand on. `ROTATE_SECONDS` says for how long servers are used.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';

const MILLIS = Number(process.env.ROTATE_SECONDS ?? 4) * 1000;
const ROUNDS = 3;

/** How often a server asks the platform about a session, in seconds. */
export const FRESH = 1;

/** Repeats the work of each person until the time is over, and each session was replaced several times. Answers all sessions. */
export async function repeat(people, work, sessionOf) {
  const end = Date.now() + MILLIS;
  const all = await Promise.all(people.map(async (person, at) => {
    const seen = new Set();
    let left = 20;
    for (let round = at; Date.now() < end || seen.size <= ROUNDS; round += 1) {
      await work(person, round);
      seen.add(await sessionOf(person));
      if (Date.now() >= end) assert.ok((left -= 1) > 0, `the browser was given ${seen.size} sessions`);
    }
    return [...seen];
  }));
  return all.flat();
}

/** A balancer that gives each request to the next server, whatever session it brings. */
export async function startBalancer(urls) {
  const ports = urls.map((url) => new URL(url).port);
  const counts = urls.map(() => 0);
  let next = 0;
  const server = createServer((asked, answer) => {
    const at = next++ % ports.length;
    counts[at] += 1;
    const sent = request({ port: ports[at], path: asked.url, method: asked.method, headers: asked.headers }, (came) => {
      answer.writeHead(came.statusCode, came.rawHeaders);
      came.pipe(answer);
    });
    sent.on('error', (error) => answer.destroy(error));
    asked.pipe(sent);
  }).listen(0);
  await once(server, 'listening');
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://localhost:${server.address().port}`, counts, stop };
}
