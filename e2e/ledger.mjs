// Every request of a run by its id, and what came of it, as a wire between people and a server saw it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** What a head says where it begins, and the header with the id. None is longer than `LONGEST`. */
const REQUEST = / HTTP\/1\.1\r\n|x-request-id: ([\w-]{36})/gi;
const ANSWER = /HTTP\/1\.1 \d{3} /g;
const LONGEST = 64;

/**
 * A server's address, behind which each connection is passed on to the server unchanged. On a connection answers come in the order of
 * their requests: so each is one request's, and one that comes where no request waits was asked for by none.
 */
export class Wire {
  requests = [];
  unasked = 0;

  static async start() {
    const wire = new Wire();
    wire.server = createServer((socket) => wire.#pass(socket));
    await once(wire.server.listen(0, '127.0.0.1'), 'listening');
    wire.url = `http://localhost:${wire.server.address().port}`;
    return wire;
  }

  /** `to` is the server's port. */
  #pass(socket) {
    const server = connect(this.to, '127.0.0.1');
    const waiting = [];
    const asks = finder(REQUEST, ([, id]) => {
      if (id !== undefined) this.requests.at(waiting.at(-1)).id = id;
      else waiting.push(this.requests.push({ id: undefined, answers: 0 }) - 1);
    });
    const answers = finder(ANSWER, () => {
      const at = waiting.shift();
      if (at === undefined) this.unasked += 1;
      else this.requests[at].answers += 1;
    });
    join(socket, server, asks);
    join(server, socket, answers);
  }

  stop() {
    this.server.close();
  }
}

/** Passes on what comes, once it was looked at, and the end. */
function join(from, to, look) {
  from.on('data', look).on('error', () => to.destroy()).on('close', () => to.destroy()).pipe(to);
}

/** Finds each match in what arrives in parts. */
function finder(pattern, found) {
  let rest = '';
  return (part) => {
    rest += part.toString('latin1');
    let end = 0;
    for (const match of rest.matchAll(pattern)) {
      found(match);
      end = match.index + match[0].length;
    }
    rest = rest.slice(Math.max(end, rest.length - LONGEST));
  };
}

/** What people sent, and what they were told. */
export class Ledger {
  sent = new Set();
  refused = new Set();
  counts = {};
  times = [];
  /** Requests for which no answer came, and those whose answer was about another person. */
  lost = [];
  crossed = [];

  /** An id for a request. */
  issue() {
    const id = crypto.randomUUID();
    this.sent.add(id);
    return id;
  }

  /**
   * Sends a request with an id of its own. The answer must have one of these statuses, or 503, which is counted. It must be about this
   * person, where one is named. What it refuses with 400 or 401 is to be in the server's log.
   */
  async account(kind, statuses, send, person) {
    const id = this.issue();
    const begun = performance.now();
    let answer;
    try {
      answer = await send({ 'x-request-id': id });
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      this.lost.push(`${kind} ${id}: ${error.cause ?? error}`);
      return;
    }
    if (kind === 'good') this.times.push(performance.now() - begun);
    this.count(answer.status === 503 ? 'unavailable' : kind);
    if (answer.status === 503) return;
    if ([400, 401].includes(answer.status)) this.refused.add(id);
    assert.ok(statuses.includes(answer.status), `${kind} ${id}: ${answer.status} ${answer.text}`);
    if (person !== undefined && JSON.parse(answer.text).id !== person) this.crossed.push(`${kind} ${id}: ${answer.text}`);
  }

  count(kind) {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }

  /** How often what must not be is so, by the wire and by the ids that the server's log names as refused. */
  breaches(wire, logged) {
    const byId = new Map(wire.requests.map(({ id, answers }) => [id, answers]));
    const counted = (ids, is) => [...ids].filter(is).length;
    return {
      lost: counted(wire.requests, ({ answers }) => answers === 0) + counted(this.sent, (id) => !byId.has(id)),
      doubled: wire.unasked,
      unknown: counted(wire.requests, ({ id }) => !this.sent.has(id)) + wire.requests.length - byId.size,
      crossed: this.crossed.length,
      unlogged: counted(this.refused, (id) => !logged.includes(id)),
      'logged twice': logged.length - new Set(logged).size,
      'logged without need': counted(logged, (id) => !this.refused.has(id)),
    };
  }
}
