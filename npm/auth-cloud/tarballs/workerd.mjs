// A Worker with the installed package, bundled by esbuild with the conditions of Workers and run in workerd, through miniflare.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { builtinModules } from 'node:module';
import net from 'node:net';
import { createInterface } from 'node:readline';

/** A plugin of esbuild: modules of Node stay imports, with the prefix that workerd wants. `@mastra/core` needs them. */
const outside = {
  name: 'outside',
  setup(build) {
    const node = new RegExp(`^(node:)?(${builtinModules.join('|').replaceAll('/', '\\/')})$`);
    build.onResolve({ filter: node }, ({ path: name }) => ({ path: `node:${name.replace(/^node:/, '')}`, external: true }));
  },
};

/**
 * Starts the Worker of an entry in this folder; `change` may edit its bundle, and `more` are options of miniflare. `log` is what it
 * prints. There may be several `workers` with options of their own, which `named` returns.
 */
export async function startWorker(tool, folder, entry, bindings = {}, change = text => text, more = {}) {
  const { build } = await import(tool('esbuild', 'lib', 'main.js'));
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    // `@mastra/server` imports `typescript` for agents that check code, and it is a third of the bundle.
    external: ['cloudflare:*', 'typescript'],
    // Workers have neither an address of the module nor `require`, and `@mastra/core` and `@mastra/server` need them.
    define: { 'import.meta.url': '"file:///worker.mjs"' },
    banner: { js: "import * as nodeModule from 'node:module'; const require = nodeModule.createRequire('file:///worker.mjs');" },
    plugins: [outside],
    // WebAssembly stays an import of a file beside the bundle, which workerd compiles.
    loader: { '.wasm': 'copy' },
    outdir: '/',
    write: false,
    tsconfigRaw: '{}',
    logLevel: 'error',
  });
  const bundle = outputFiles.find(one => one.path.endsWith('.js'));
  const text = change(bundle.text);
  return { text, ...(await startModules(tool, text, outputFiles.filter(one => one !== bundle), bindings, more)) };
}

/** Starts a bundle with the WebAssembly that lies beside it: `files` are paths from the root, and contents. */
export async function startModules(tool, text, files, bindings, { workers = [{}], ...more } = {}) {
  const { Miniflare } = await import(tool('miniflare', 'dist', 'src', 'index.js'));
  const log = [];
  const shared = {
    name: 'worker',
    modulesRoot: '/',
    modules: [
      { type: 'ESModule', path: '/worker.js', contents: text },
      ...files.map(({ path, contents }) => ({ type: 'CompiledWasm', path, contents })),
    ],
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat'],
    bindings,
  };
  const worker = new Miniflare({
    workers: workers.map(one => ({ ...shared, ...one })),
    ...more,
    handleRuntimeStdio: (...streams) => {
      for (const input of streams) createInterface({ input }).on('line', line => log.push(line));
    },
  });
  const url = await worker.ready.catch(async cause => {
    // Otherwise this process would never end.
    await worker.dispose();
    throw new Error(`the Worker does not start: ${log.join('\n')}`, { cause });
  });
  const [inspector, named] = [() => worker.getInspectorURL(), name => worker.getWorker(name)];
  return { url, log, inspector, named, stop: () => worker.dispose() };
}

/** Begins a request, and resets its connection when told to: an orderly end of the client's side alone would not be noticed. */
export async function hangingUp(url, headers) {
  const socket = net.connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}\r\n`);
  return () => socket.resetAndDestroy();
}

/** Stands before the Cloud: each call waits until `open` is called, and is noted. */
export async function startGate(to) {
  const gate = Promise.withResolvers();
  const calls = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    calls.push(`${request.method} ${request.url}`);
    await gate.promise;
    const { host: _, connection: __, ...headers } = request.headers;
    const answer = await fetch(to + request.url, { method: request.method, headers, ...(parts.length > 0 && { body: Buffer.concat(parts) }) });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(await answer.text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    gate.resolve();
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, calls, open: gate.resolve, stop };
}
