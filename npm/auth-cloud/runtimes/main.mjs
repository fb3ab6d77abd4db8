// Runs a script of this folder with the package, in Node, Bun and Deno: `main.mjs SCRIPT INPUT`. Prints what it answers.

const [entry, input] = process.argv.slice(2);
// Before the package: it may watch how that starts.
const { default: script } = await import(`./${entry}`);
const exports = await import('@mastra/auth-cloud');
process.stdout.write(JSON.stringify(await script(exports, JSON.parse(input))));
