// Long runs that look for what grows or breaks: `npm run soak -- NAME`.

const NAMES = ['account-node', 'deploy-node', 'eventloop', 'hostile-node', 'panics', 'permissions', 'workers'];

const name = process.argv[2] ?? '';
if (!NAMES.includes(name)) {
  process.stderr.write(`soak: ${name || 'no name'} is none of ${NAMES.join(', ')}\n`);
  process.exit(2);
}
const { run } = await import(`./soak/${name}.mjs`);
process.stdout.write(`${await run()}\n`);
