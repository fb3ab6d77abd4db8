// Signs in with the package as CommonJS.

const { MastraCloudAuth } = require('@mastra/auth-cloud');

const { signIn } = require('./sign-in.cjs');

signIn(MastraCloudAuth, process.argv.slice(2)).then(seen => process.stdout.write(JSON.stringify(seen)));
