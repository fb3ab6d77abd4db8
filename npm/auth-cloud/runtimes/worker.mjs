// A Worker with the package. It is made at the top of the module, where Workers allow neither randomness nor calls.

import { env } from 'cloudflare:workers';

import { CloudApiError, MastraCloudAuth } from '@mastra/auth-cloud';

const auth = new MastraCloudAuth({ projectId: 'demo', baseUrl: env.CLOUD });

/** What the constructor throws for these options. */
function thrown(options) {
  try {
    return `nothing: ${new MastraCloudAuth(options).isMastraCloudAuth}`;
  } catch (error) {
    return error instanceof CloudApiError ? `${error.code}: ${error.message}` : String(error);
  }
}

const refusals = [thrown({ projectId: 'two words' }), thrown({ projectId: 'p', revocations: { redis: 'redis://localhost' } })];

const routes = {
  '/who': async request => ({ id: (await auth.authenticateToken('', request))?.id ?? null }),
  '/refusals': () => refusals,
};

export default {
  async fetch(request) {
    try {
      return Response.json(await routes[new URL(request.url).pathname](request));
    } catch (error) {
      return Response.json({ failed: String(error), code: error?.code });
    }
  },
};
