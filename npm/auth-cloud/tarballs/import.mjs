// Signs in with the package as an ES module.

import { MastraCloudAuth } from '@mastra/auth-cloud';

import { signIn } from './sign-in.cjs';

process.stdout.write(JSON.stringify(await signIn(MastraCloudAuth, process.argv.slice(2))));
