/** TLS in front of a local Cloud, with a right certificate or a wrong one. While it is there, the global `fetch` trusts its authority alone. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket, createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';

export const WRONG = ['self-signed', 'of another host', 'expired'] as const;
export type Certificate = 'good' | (typeof WRONG)[number];

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const shared = globalThis as unknown as Record<symbol, object>;
const GLOBAL = Symbol.for('undici.globalDispatcher.1');

/** What `openssl` made: the repository holds no private key. */
function make(): { authority: string; certificates: Record<Certificate, SecureContextOptions> } {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'));
  const openssl = (...options: string[]) => execFileSync(process.env['OPENSSL'] ?? 'openssl', options, { cwd: folder, stdio: 'pipe' });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  try {
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=an authority', '-keyout', 'authority.key', '-out', 'authority.pem');
    const certificate = (host: string, days: number, signer = ['-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial']) => {
      writeFileSync(join(folder, 'extensions'), `subjectAltName=DNS:${host}`);
      openssl('req', '-new', ...KEY, '-subj', '/CN=a cloud', '-keyout', 'key.pem', '-out', 'request.pem');
      openssl('x509', '-req', '-in', 'request.pem', '-extfile', 'extensions', '-days', `${days}`, '-out', 'certificate.pem', ...signer);
      return { key: read('key.pem'), cert: read('certificate.pem') };
    };
    const certificates = {
      good: certificate('localhost', 2),
      'self-signed': certificate('localhost', 2, ['-signkey', 'key.pem']),
      'of another host': certificate('cloud.example', 2),
      expired: certificate('localhost', -1),
    };
    return { authority: read('authority.pem'), certificates };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export class Front implements AsyncDisposable {
  readonly url: string;
  /** How many connections were met with a wrong certificate. */
  wrong = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #presented: Certificate = 'good';

  private constructor(server: Server, cloud: string, certificates: Record<Certificate, SecureContextOptions>, private readonly before: object) {
    this.#server = server;
    this.url = `https://localhost:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket: Socket) => {
      if (this.#presented !== 'good') this.wrong += 1;
      this.#open.add(socket);
      const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificates[this.#presented]) });
      const there = connect(Number(new URL(cloud).port), 'localhost');
      // The connection ends as that of the Cloud does. A handshake that fails is an end too.
      tls.on('error', () => there.destroy()).pipe(there);
      there.on('error', () => socket.resetAndDestroy()).pipe(tls);
      socket.on('error', () => there.destroy()).on('close', () => {
        this.#open.delete(socket);
        there.destroy();
      });
    });
  }

  static async start(cloud: string): Promise<Front> {
    const { authority, certificates } = make();
    // There is none before the first call.
    await fetch('data:,');
    const before = shared[GLOBAL]!;
    const Agent = before.constructor as new (options: object) => object;
    shared[GLOBAL] = new Agent({ connect: { ca: authority } });
    const server = createServer();
    await once(server.listen(0, 'localhost'), 'listening');
    return new Front(server, cloud, certificates, before);
  }

  /** Presents it to each call from now on. */
  async present(certificate: Certificate): Promise<void> {
    this.#presented = certificate;
    await Promise.all([...this.#open].map(socket => once(socket.destroy(), 'close')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    shared[GLOBAL] = this.before;
    await this.present('good');
    await new Promise(resolve => this.#server.close(resolve));
  }
}
