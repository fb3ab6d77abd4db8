// In workerd, where clocks stand still but when something arrives: a timer does.

import { run } from './run.mjs';

async function clock() {
  await new Promise(resolve => setTimeout(resolve, 0));
  return performance.now();
}

export default {
  async fetch(request) {
    try {
      return Response.json(await run({ ...(await request.json()), clock }));
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500 });
    }
  },
};
