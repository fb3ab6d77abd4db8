/** Objects of any version of any package, and errors of them. */

export type Members = Readonly<Record<string, unknown>>;

/** Codes of Node whose messages name modules and options, and no value of the app. */
const LOADING = /^ERR_(MODULE|PACKAGE|UNSUPPORTED|UNKNOWN|INVALID_TYPESCRIPT|REQUIRE|PARSE_ARGS)/;

export function members(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null ? (value as Members) : undefined;
}

export function has(object: Members | undefined, name: string): boolean {
  return typeof object?.[name] === 'function';
}

/** Calls a method. Throws what it throws, and a `TypeError` where there is none. */
export function call(object: Members | undefined, name: string, ...given: unknown[]): unknown {
  const method = object?.[name];
  if (typeof method !== 'function') throw new TypeError(`there is no ${name}`);
  return Reflect.apply(method, object, given) as unknown;
}

/** Name and code of an error, and its message where that names modules or is our own: another's may hold a secret. */
export function named(error: unknown): string {
  const { name, code, message } = Object(error) as { name?: unknown; code?: unknown; message?: unknown };
  const isKnown = name === 'CloudApiError' || LOADING.test(String(code));
  const which = [name, code].filter(one => typeof one === 'string' && one !== '').join(' ');
  return isKnown ? `${which}: ${String(message).split('\n')[0]?.slice(0, 300)}` : which || 'a value that is no error';
}

/** A promise of the app's, which may never settle: rejects after so many milliseconds. */
export async function inTime<T>(promise: Promise<T>, patience: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('too late'), { name: 'TimeoutError' })), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
