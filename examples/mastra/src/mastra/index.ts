import { MastraCloudAuth, authCallbackRoute } from '@mastra/auth-cloud';
import { Mastra } from '@mastra/core';

import { clerk } from './agents/clerk.js';
import { refund } from './workflows/refund.js';

const auth = new MastraCloudAuth({
  projectId: process.env.MASTRA_PROJECT_ID ?? 'demo',
});

export const mastra = new Mastra({
  agents: { clerk },
  workflows: { refund },
  server: {
    auth,
    rbac: auth,
    apiRoutes: [authCallbackRoute(auth)],
  },
});
