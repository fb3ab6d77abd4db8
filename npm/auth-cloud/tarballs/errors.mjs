// Both module kinds in one process: each has its own class, and `instanceof` holds across them.

import { createRequire } from 'node:module';

import * as esm from '@mastra/auth-cloud';

const cjs = createRequire(import.meta.url)('@mastra/auth-cloud');

/** An error that the package throws by itself. */
function thrown({ MastraCloudAuth }) {
  try {
    void new MastraCloudAuth({ projectId: 'two words' });
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const [ours, theirs] = [thrown(esm), thrown(cjs)];
process.stdout.write(
  JSON.stringify({
    isOneClass: esm.CloudApiError === cjs.CloudApiError,
    esmIsCjs: ours instanceof cjs.CloudApiError,
    cjsIsEsm: theirs instanceof esm.CloudApiError,
    strangerIsOne: new Error('x') instanceof esm.CloudApiError || new Error('x') instanceof cjs.CloudApiError,
    narrows: [esm.isCloudApiError(theirs), cjs.isCloudApiError(ours)],
  }),
);
