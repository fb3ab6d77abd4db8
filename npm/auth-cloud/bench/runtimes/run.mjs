// What is asked for, in this runtime. Each part is imported when it is: `start` measures an import.

export async function run({ what, ...options }) {
  if (what === 'start') return (await import('./start.mjs')).start(options);
  if (what === 'crowd') return (await import('./crowd.mjs')).crowd(options);
  return (await import('./contest.mjs'))[what](options);
}
