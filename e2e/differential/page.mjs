// One page of a browser, for which every host is one server.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { startBrowser } from '../world.mjs';

/** Does work with a browser that is `served` by its `answer`, and gets a `page`. */
export async function withPage(served, work) {
  const server = createServer({ maxHeaderSize: 64 * 1024, insecureHTTPParser: true }, (request, response) => served.answer(request, response));
  // Another protocol on this port, as at an https address, gets no answer.
  server.on('clientError', (_, socket) => socket.destroy());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // A process for each of very many sites would cost minutes.
  const browser = await startBrowser([`--host-resolver-rules=MAP * 127.0.0.1:${server.address().port}`, '--disable-site-isolation-trials']);
  try {
    served.page = await (await browser.newContext()).newPage();
    return await work(served);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** Sends headers by hand: Node sends less than a server may. */
export function sendRaw({ socket }, status, headers) {
  socket.end([`HTTP/1.1 ${status}`, 'Content-Type: text/html', 'Connection: close', 'Content-Length: 0', ...headers, '', ''].join('\r\n'));
}
