// Return paths: what the core makes of a stranger's text, before Node's `URL` and before Chromium, which gets it as a `Location`.
//
// Every host of the browser is this one server, so a browser that left is seen where it arrives. The same texts without the core
// show that it would be seen.
import assert from 'node:assert/strict';

import { generator } from '../../npm/auth-cloud/scripts/random.mjs';
import { fuzzed } from './fuzzed.mjs';
import { sendRaw, withPage } from './page.mjs';

const APP = 'http://app.example';
const STUDIO = 'http://localhost:4111';
/** Pages of a browser at once. */
const BATCH = 100;

const STARTS = [
  '//', '///', '/\\', '\\', '\\\\', '\\/', '/\t/', '/\n/', '\t//', '/%2f', '/%2F/', '/%5c', '/%5C\\', '/.//', '/..//', '/./\\', '/%2e//',
  '/%2e%2e//', '/.%2e/\\', '/a/..//', '/a/../..//', '/;//', '/?//', '/#//', '', ' /', '/ /', '\u0000//', '/\u0000/', '/\u00A0/', '/\u2028/', '/\u200B/', '/\uFEFF/',
  '\uFF0F\uFF0F', '/\uFF0F', '/\u2215', '/\u29F8', 'http:', 'https:', 'http:/', 'http://', 'https://', 'http:///', 'http:\\\\', 'HTTP://', 'hTtPs:', 'ht\ttp://',
  'javascript:', 'java\nscript:', 'data:text/html,', 'blob:http://', 'file:///', 'ws://', 'ftp://', 'view-source:http://', 'about:blank', 'x:', ':', `${APP}`, `${APP}/`,
  `${APP}@`, `${APP}:80@`, `${APP}.`, `${APP}:80`, `${STUDIO}`, `${STUDIO}@`, 'http://localhost', 'http://localhost:3000/', 'http://localhost:3000/agents', 'http://127.0.0.1:3000', 'http://127.0.0.1:3000/', 'http://[::1]:3000', 'http://[::1]:3000/',
  'https://localhost/', 'http://LOCALHOST:80/', 'http://127.1:3000/', '@', '?', '#', '.', '..', '...//',
];
const HOSTS = [
  '', 'evil.example', 'evil.example/', 'app.example', 'app.example@evil.example', 'evil.example@app.example', 'user:pass@evil.example', ':@evil.example', '@evil.example',
  'evil.example:80', 'evil.example:99999', 'evil.example:', '[::1]', '[::1]:3000', '[::ffff:1.2.3.4]', '[fe80::1%25eth0]', '[evil.example]', '127.1', '0x7f.1', '2130706433', '0177.0.0.1',
  '127.0.0.1.evil.example', 'localhost.evil.example', 'localhost:3000', 'LOCALHOST', 'localhost.', 'a.localhost', 'evil\u3002example', 'evil\uFF0Eexample', 'evil\uFF61example',
  '\u24D4vil.example', 'ev\u00ADil.example', 'xn--evl-zma.example', 'evil.example\\@app.example', 'evil.example#@app.example', 'evil.example?@app.example', 'evil%2eexample', '%65vil.example',
  'app.example.evil.example', 'evil.example%00.app.example', 'evil .example', 'app.example%2f@evil.example', 'localhost\\evil.example', 'localhost%00.evil.example', 'ﬀ.example', 'ß.example',
];
const TAILS = [
  '/', '/', '//', '\\', '..', '.', '/..', '/../', '/./', '%2e', '%2E%2E', '/%2e%2e/', '%2f', '%5c', '%5C', '%00', '%0d%0a', '%0a', '%09', '%7f', '%1F', '%', '%%', '%zz', '%u002f', '%c0%af',
  '%ff', '%E2%80%A8', '\t', '\r', '\n', '\r\nSet-Cookie: x=1', '\u0000', '\u0001', '\u001F', '\u007F', ' ', '  ', '\u0085', '\u00A0', '\u2028', '\u3002', '\uFF0F', '\uFF0E', '\uFF3C', '\u200B', '\uFEFF', '\u202E',
  '\uFFFD', '?', '#', '&', '=', ';', '@', ':', '|', '[', ']', '^', '`', '{', '}', '"', "'", '<', '>', '*', '!', '$', '(', ')', ',', '+', '~', '-', '_', 'a', 'agents', '?next=//evil.example', '#//evil.example', '?a=b&c=d',
  '#top', 'http://evil.example', 'é', 'ü', '漢', '😀', '\uD800', '\uDC00', 'x'.repeat(40), 'x'.repeat(2100), '//evil.example', '/\\evil.example', '\\\\evil.example', './/evil.example', ':80', '@evil.example',
];

/** Texts as the author of a sign-in link may choose them, the same in every run. */
export function payloads(count) {
  const next = generator(20260301);
  const pick = (all) => all[Math.floor(next() * all.length)];
  const made = () => {
    const tails = Array.from({ length: Math.floor(next() * 7) }, () => pick(TAILS));
    // Half of the texts are paths of the app, so that more than the way in is tried.
    const begin = next() < 0.5 ? ['/', pick(TAILS)] : [pick(STARTS), pick(HOSTS)];
    const text = [...begin, ...tails].join('');
    // Browsers take some characters out wherever they are.
    if (next() > 0.2) return text;
    const at = Math.floor(next() * (text.length + 1));
    return text.slice(0, at) + pick(TAILS) + text.slice(at);
  };
  return Array.from({ length: count }, made);
}

/** Redirects frames of a browser. */
class Frames {
  /** What is sent as `Location`, by number. */
  locations = [];

  answer({ url }, response) {
    const [, at] = /^\/differential-(\d+)$/.exec(url) ?? [];
    if (at !== undefined) {
      const location = this.locations[at];
      if (/^[!-~]*$/.test(location)) response.writeHead(302, { location }).end();
      else sendRaw(response, '302 Found', [`Location: ${location}`]);
      return;
    }
    response.setHeader('content-type', 'text/html');
    response.end('a page');
  }

  /** Where a frame of a page at `origin` arrives with each of these locations; undefined where that is not at `origin`. */
  async follow(origin, locations) {
    this.locations = locations;
    await this.page.goto(`${origin}/differential`);
    const arrived = [];
    for (let from = 0; from < locations.length; from += BATCH) {
      const range = [from, Math.min(from + BATCH, locations.length)];
      const part = await this.page.evaluate(async ([first, end]) => {
        const frames = Array.from({ length: end - first }, (_, n) => Object.assign(document.createElement('iframe'), { src: `/differential-${first + n}` }));
        const loaded = frames.map((frame) => new Promise((resolve) => (frame.onload = resolve)));
        document.body.append(...frames);
        // What a browser blocks may never load.
        await Promise.race([Promise.all(loaded), new Promise((resolve) => setTimeout(resolve, 60_000))]);
        const place = ({ contentWindow }) => {
          try {
            return contentWindow.location.href;
          } catch {
            return undefined;
          }
        };
        const places = frames.map(place);
        for (const frame of frames) frame.remove();
        return places;
      }, range);
      arrived.push(...part);
    }
    return arrived;
  }

  /** Where a page of its own arrives with this location; undefined where nothing answers. */
  async go(origin, location) {
    this.locations = [location];
    const page = await this.page.context().newPage();
    const answer = await page.goto(`${origin}/differential-0`).catch(() => undefined);
    const href = answer && page.url();
    await page.close();
    return href;
  }
}

/** How Chromium writes an address that Node writes in this way: the same one, for it is read as it was. */
const asChromium = (href) => href.replace(/^[^?#]*/, (path) => path.replaceAll('|', '%7C').replaceAll('^', '%5E'));
const isLoopback = (host) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);
/** What a server can put in a header, and leads a frame to a page: not with a name or a password. */
function canLeave(payload) {
  const url = URL.parse(payload, APP);
  return !/[\0\r\n]/.test(payload) && /^https?:$/.test(url?.protocol) && `${url.username}${url.password}` === '';
}
/** Text that has a UTF-8 form, as a query has. */
const sent = (payload) => payload.toWellFormed();

/** The `Location` of the callback after a sign-in that this text began at a host. */
function location(native, origin, payload) {
  const query = new URLSearchParams({ code: 'c', state: `id|${encodeURIComponent(payload)}` });
  const { returnPath } = native.readCallback(`${query}`, undefined, undefined, new URL(origin).host, 'http', '/auth/callback');
  assert.equal(returnPath, native.returnPath(payload, origin), `one rule in both: ${JSON.stringify(payload)}`);
  return returnPath;
}

export async function paths(native, count) {
  const corpus = ['return_path', 'address', 'site'].flatMap(fuzzed).flatMap((bytes) => [bytes.toString('utf8'), bytes.toString('latin1')]);
  const all = [...new Set([...corpus, ...payloads(count)].map(sent))];
  return await withPage(new Frames(), async (browser) => {
    const rows = [];
    for (const [origin, isHome] of [[APP, ({ origin: own }) => own === APP], [STUDIO, ({ protocol, hostname }) => /^https?:$/.test(protocol) && isLoopback(hostname)]]) {
      // Very many texts lead to the first page.
      const texts = new Map(all.map((payload) => [location(native, origin, payload), payload]));
      const locations = [...texts.keys()];
      const urls = new Map(locations.map((place) => {
        const url = new URL(place, origin);
        const said = `${JSON.stringify(texts.get(place))} became ${JSON.stringify(place)}`;
        assert.ok(isHome(url), `${said}: Node leaves ${origin} for ${url.href}`);
        assert.equal(url.href, place.startsWith('/') ? origin + place : place, `${said}: Node writes it in another way`);
        return [place, url.href];
      }));
      const own = locations.filter((place) => place.startsWith('/'));
      const ports = locations.filter((place) => !place.startsWith('/'));
      const arrived = new Map((await browser.follow(origin, own)).map((href, at) => [own[at], href]));
      for (const place of ports) {
        const href = await browser.go(origin, place);
        // Another port of this machine may be served over TLS, or be one that browsers close.
        if (href !== undefined) arrived.set(place, href);
      }
      for (const [place, href] of arrived) {
        assert.equal(href, asChromium(urls.get(place)), `${JSON.stringify(texts.get(place))} became ${JSON.stringify(place)}: Chromium goes elsewhere`);
      }
      rows.push([`\`${origin}\``, all.length, locations.length, ports.length, 0]);
    }
    const raw = all.filter(canLeave).slice(0, count / 10);
    const left = (await browser.follow(APP, raw)).filter((href) => href === undefined).length;
    assert.ok(left > raw.length / 20, 'a browser that leaves is seen');
    return {
      title: 'Return paths. Node\'s `URL` and Chromium go where the core says, and never to another origin, or to another machine where the app is at a loopback host:',
      columns: ['app', 'texts', 'different `Location`s', 'of another loopback port', 'elsewhere'],
      rows,
      note: `Without the core, ${left} of ${raw.length} such texts lead Chromium from \`${APP}\` to another origin. In a path Chromium writes \`|\` and \`^\` as escapes, and Node does not.`,
    };
  });
}
