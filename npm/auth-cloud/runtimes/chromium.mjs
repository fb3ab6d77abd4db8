// A script with the installed package in Chromium: bundled by esbuild with the condition `browser`, in a page that sends back the answer.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** A plugin of esbuild: a browser compiles the module itself. `@mastra/core` names a stream of Node, and makes none before it logs. */
const forBrowsers = {
  name: 'for-browsers',
  setup(build) {
    build.onLoad({ filter: /auth-cloud\.wasm$/ }, () => ({
      contents: "export default await WebAssembly.compileStreaming(fetch('/auth-cloud.wasm'));",
    }));
    build.onResolve({ filter: /^stream$/ }, () => ({ path: 'stream', namespace: 'none' }));
    build.onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: 'export class Transform {}' }));
  },
};

/** What the program throws is sent too. */
const PAGE = `<!doctype html><script>
const failed = body => fetch('/failed', { method: 'POST', body });
addEventListener('error', ({ message }) => failed(message));
addEventListener('unhandledrejection', ({ reason }) => failed(String(reason)));
</script><script type="module" src="/main.js"></script>`;

/** Runs the program of this text, in a folder where the package is installed; answers the JSON that it sends to `/answer`. */
export async function runInChromium(tool, chromium, folder, contents, signal) {
  const { build } = await import(tool('esbuild', 'lib', 'main.js'));
  const { outputFiles } = await build({
    absWorkingDir: folder,
    stdin: { contents, resolveDir: folder },
    bundle: true,
    format: 'esm',
    conditions: ['browser'],
    plugins: [forBrowsers],
    write: false,
    logLevel: 'error',
  });
  const answer = Promise.withResolvers();
  const files = {
    '/': ['text/html', PAGE],
    '/main.js': ['text/javascript', outputFiles[0].text],
    '/auth-cloud.wasm': ['application/wasm', readFileSync(path.join(folder, 'node_modules/@mastra/auth-cloud/dist/auth-cloud.wasm'))],
  };
  const server = createServer((request, response) => {
    if (request.url === '/answer') answer.resolve(text(request));
    if (request.url === '/failed') text(request).then(said => answer.reject(new Error(said)));
    const [type, body] = files[request.url] ?? ['text/plain', ''];
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const profile = mkdtempSync(path.join(tmpdir(), 'auth-cloud-chromium-'));
  const words = ['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr', `--user-data-dir=${profile}`];
  const child = spawn(chromium, [...words, `http://127.0.0.1:${server.address().port}/`], { signal, stdio: ['ignore', 'ignore', 'pipe'] });
  const said = text(child.stderr);
  child.once('error', answer.reject);
  child.once('exit', async code => answer.reject(new Error(`Chromium ended with ${code}: ${await said}`)));
  try {
    return JSON.parse(await answer.promise);
  } finally {
    child.kill();
    // Its own children end later than it, and write into the profile until then.
    await said;
    server.close();
    rmSync(profile, { recursive: true });
  }
}
