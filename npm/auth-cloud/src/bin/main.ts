#!/usr/bin/env node
/** `npx @mastra/auth-cloud COMMAND`. Each command is a file of this folder, loaded when it is asked for. */

/** A command: prints what it has to say, and answers the exit status. */
export interface Command {
  run(words: readonly string[]): Promise<number>;
}

const COMMANDS: Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>> = {
  doctor: { summary: 'find what is wrong with sign-in in an app', load: () => import('./doctor.js') },
  dev: { summary: 'run a Cloud on this machine, to sign in to while you build an app', load: () => import('./dev.js') },
};

const [name = '', ...words] = process.argv.slice(2);
const status = Object.hasOwn(COMMANDS, name) ? await COMMANDS[name]!.load().then(command => command.run(words)) : help();
// A command may have loaded an app, which keeps the process alive. What was printed is out first.
process.stdout.write('', () => process.exit(status));

function help(): number {
  const list = Object.entries(COMMANDS).map(([command, { summary }]) => `  ${command.padEnd(8)} ${summary}\n`);
  const text = `Usage: npx @mastra/auth-cloud COMMAND\n\nCommands:\n${list.join('')}\nCOMMAND --help says more.\n`;
  const isAsked = name === '--help' || name === '-h';
  if (isAsked) process.stdout.write(text);
  else process.stderr.write(name === '' ? text : `There is no command ${JSON.stringify(name.slice(0, 40))}.\n\n${text}`);
  return isAsked ? 0 : 2;
}
