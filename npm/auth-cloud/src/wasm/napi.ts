/**
 * The functions of Node-API that the module imports, for runtimes where Node's own are not at hand.
 *
 * Only what the module imports is here, and only what it needs of that: one thread, one environment, calls that end before they
 * return. An argument that is an address may be 0 where the caller wants no result.
 */

import { FALSE, GLOBAL, Handles, NULL, TRUE, UNDEFINED } from './handles.js';
import { Memory } from './memory.js';

const OK = 0;
const INVALID_ARGUMENT = 1;
const OBJECT_EXPECTED = 2;
const STRING_EXPECTED = 3;
const FUNCTION_EXPECTED = 5;
const NUMBER_EXPECTED = 6;
const BOOLEAN_EXPECTED = 7;
const ARRAY_EXPECTED = 8;
const GENERIC_FAILURE = 9;
const PENDING_EXCEPTION = 10;
const CLOSING = 16;

/** The only environment. The module passes it back and never looks into it. */
export const ENVIRONMENT = 1;

/** A function of the module, by its place in the table. */
type Run = (...words: number[]) => number;

/** A call that JavaScript makes into the module. */
interface Call {
  readonly self: unknown;
  readonly args: readonly unknown[];
  readonly data: number;
  readonly target: unknown;
}

/** What the module does when an object is gone. */
interface Finalizer {
  readonly run: Run | undefined;
  readonly data: number;
  readonly hint: number;
}

/** What the module exports. */
export interface ModuleExports {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  readonly napi_register_wasm_v1: (environment: number, exports: number) => number;
}

type Properties = Record<string | symbol, unknown>;

/** Descriptors of properties: the size of one, the bit that says that it belongs to the class itself, and those of a plain property. */
const DESCRIPTOR = 32;
const STATIC = 1 << 10;
const ORDINARY = 7;

const ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

const TYPES: readonly string[] = ['undefined', 'null', 'boolean', 'number', 'string', 'symbol', 'object', 'function', 'external', 'bigint'];

/** `Array.from` would cost more than a call into the module. */
function array(length: number): unknown[] {
  const made: unknown[] = [];
  made.length = length;
  return made;
}

export class NodeApi {
  readonly #handles = new Handles();
  readonly #calls: Call[] = [];
  readonly #wrapped = new WeakMap<object, Finalizer>();
  readonly #registry = new FinalizationRegistry<Finalizer>(finalizer => this.#finalize(finalizer));
  readonly #encoder = new TextEncoder();
  #pending: { readonly error: unknown } | undefined;
  #memory!: Memory;
  #table!: WebAssembly.Table;

  /** Takes a fresh instance; what the module exports to JavaScript. */
  start({ memory, __indirect_function_table: table, napi_register_wasm_v1: register }: ModuleExports): object {
    this.#memory = new Memory(memory);
    this.#table = table;
    const exports = {};
    this.#enter({ self: undefined, args: [], data: 0, target: undefined }, () => register(ENVIRONMENT, this.#handles.of(exports)));
    return exports;
  }

  // Calls into the module

  #enter(call: Call, run: Run): unknown {
    const scope = this.#handles.open();
    const depth = this.#calls.push(call);
    let value;
    try {
      value = this.#handles.value(run(ENVIRONMENT, depth));
    } finally {
      this.#handles.close(scope);
      this.#calls.length = depth - 1;
      if (depth === 1) this.#memory.release();
    }
    if (this.#pending !== undefined) {
      const { error } = this.#pending;
      this.#pending = undefined;
      throw error;
    }
    return value;
  }

  #function(name: string, at: number, data: number): (...args: unknown[]) => unknown {
    const run = this.#run(at);
    const enter = (call: Call) => this.#enter(call, run);
    function made(this: unknown, ...args: unknown[]): unknown {
      return enter({ self: this, args, data, target: new.target });
    }
    return Object.defineProperty(made, 'name', { value: name, configurable: true });
  }

  #run(at: number): Run {
    return this.#table.get(at) as Run;
  }

  /** Runs in a turn of its own, not inside of a call. No caller would catch what it throws. */
  #finalize({ run, data, hint }: Finalizer): void {
    if (run === undefined) return;
    const call = { self: undefined, args: [], data: 0, target: undefined };
    this.#enter(call, () => {
      run(ENVIRONMENT, data, hint);
      return UNDEFINED;
    });
  }

  /** Runs what may throw an error of JavaScript's. */
  #attempt(work: () => number | void): number {
    if (this.#pending !== undefined) return PENDING_EXCEPTION;
    try {
      return work() ?? OK;
    } catch (error) {
      this.#pending = { error };
      return PENDING_EXCEPTION;
    }
  }

  // Helpers of the functions below

  #give(at: number, value: unknown): number {
    this.#memory.setWord(at, this.#handles.of(value));
    return OK;
  }

  #say(at: number, is: boolean): number {
    this.#memory.setByte(at, is ? 1 : 0);
    return OK;
  }

  /** An object, as the place of properties. */
  #properties(handle: number): Properties {
    const value = this.#handles.value(handle);
    if (value === undefined || value === null) throw new TypeError('It has no properties.');
    return value as Properties;
  }

  #number(handle: number, write: (value: number) => void): number {
    const value = this.#handles.value(handle);
    if (typeof value !== 'number') return NUMBER_EXPECTED;
    write(value);
    return OK;
  }

  #error(code: unknown, message: string): Error {
    const error = new Error(message);
    return code === undefined ? error : Object.assign(error, { code });
  }

  #arguments(count: number, at: number): unknown[] {
    const args = array(count);
    for (let index = 0; index < count; index += 1) args[index] = this.#handles.value(this.#memory.word(at + 4 * index));
    return args;
  }

  #define(target: object, at: number): void {
    const word = (index: number) => this.#memory.word(at + 4 * index);
    const [utf8, method, getter, setter, attributes, data] = [word(0), word(2), word(3), word(4), word(6), word(7)];
    const name = utf8 === 0 ? (this.#handles.value(word(1)) as string) : this.#memory.name(utf8);
    const shape = { enumerable: (attributes & 2) !== 0, configurable: (attributes & 4) !== 0 };
    if (getter !== 0 || setter !== 0) {
      const get = getter !== 0 && { get: this.#function(name, getter, data) };
      const set = setter !== 0 && { set: this.#function(name, setter, data) };
      Object.defineProperty(target, name, { ...shape, ...get, ...set });
      return;
    }
    const value = method === 0 ? this.#handles.value(word(5)) : this.#function(name, method, data);
    // As an assignment would make it, which is faster: objects have nothing else.
    if ((attributes & ORDINARY) === ORDINARY) (target as Properties)[name] = value;
    else Object.defineProperty(target, name, { ...shape, writable: (attributes & 1) !== 0, value });
  }

  /** The functions, by the names under which the module imports them. */
  readonly imports = {
    // Values

    napi_get_undefined: (_: number, result: number) => this.#constant(result, UNDEFINED),
    napi_get_null: (_: number, result: number) => this.#constant(result, NULL),
    napi_get_global: (_: number, result: number) => this.#constant(result, GLOBAL),
    napi_get_boolean: (_: number, is: number, result: number) => this.#constant(result, is === 0 ? FALSE : TRUE),
    napi_create_object: (_: number, result: number) => this.#give(result, {}),
    napi_create_array_with_length: (_: number, length: number, result: number) => this.#give(result, array(length)),
    napi_create_double: (_: number, value: number, result: number) => this.#give(result, value),
    napi_create_uint32: (_: number, value: number, result: number) => this.#give(result, value >>> 0),
    napi_create_string_utf8: (_: number, at: number, length: number, result: number) =>
      this.#give(result, this.#memory.text(at, length)),
    napi_create_string_latin1: (_: number, at: number, length: number, result: number) =>
      this.#give(result, this.#memory.latin1(at, length)),
    napi_create_error: (_: number, code: number, message: number, result: number) =>
      this.#give(result, this.#error(this.#handles.value(code), String(this.#handles.value(message)))),
    napi_typeof: (_: number, handle: number, result: number) => {
      const value = this.#handles.value(handle);
      this.#memory.setWord(result, TYPES.indexOf(value === null ? 'null' : typeof value));
      return OK;
    },
    napi_is_error: (_: number, handle: number, result: number) => this.#say(result, this.#handles.value(handle) instanceof Error),
    napi_strict_equals: (_: number, left: number, right: number, result: number) =>
      this.#say(result, this.#handles.value(left) === this.#handles.value(right)),
    napi_coerce_to_string: (_: number, handle: number, result: number) =>
      this.#attempt(() => void this.#give(result, String(this.#handles.value(handle)))),
    napi_coerce_to_object: (_: number, handle: number, result: number) =>
      this.#attempt(() => void this.#give(result, Object(this.#handles.value(handle)))),

    napi_get_value_double: (_: number, handle: number, result: number) =>
      this.#number(handle, value => this.#memory.setNumber(result, value)),
    napi_get_value_uint32: (_: number, handle: number, result: number) =>
      this.#number(handle, value => this.#memory.setWord(result, value >>> 0)),
    napi_get_value_bool: (_: number, handle: number, result: number) => {
      const value = this.#handles.value(handle);
      return typeof value === 'boolean' ? this.#say(result, value) : BOOLEAN_EXPECTED;
    },
    napi_get_value_string_utf8: (_: number, handle: number, at: number, room: number, result: number) => {
      const value = this.#handles.value(handle);
      if (typeof value !== 'string') return STRING_EXPECTED;
      this.#memory.setWord(result, at === 0 ? this.#encoder.encode(value).length : this.#memory.setText(at, room, value));
      return OK;
    },

    // Objects

    napi_get_property: (_: number, object: number, key: number, result: number) =>
      this.#attempt(() => void this.#give(result, this.#properties(object)[this.#handles.value(key) as string])),
    napi_has_own_property: (_: number, object: number, key: number, result: number) =>
      this.#attempt(() => void this.#say(result, Object.hasOwn(this.#properties(object), this.#handles.value(key) as string))),
    napi_get_named_property: (_: number, object: number, name: number, result: number) =>
      this.#attempt(() => void this.#give(result, this.#properties(object)[this.#memory.name(name)])),
    napi_set_named_property: (_: number, object: number, name: number, value: number) =>
      this.#attempt(() => void (this.#properties(object)[this.#memory.name(name)] = this.#handles.value(value))),
    napi_get_element: (_: number, object: number, index: number, result: number) =>
      this.#attempt(() => void this.#give(result, this.#properties(object)[index])),
    napi_set_element: (_: number, object: number, index: number, value: number) =>
      this.#attempt(() => void (this.#properties(object)[index] = this.#handles.value(value))),
    napi_get_array_length: (_: number, object: number, result: number) => {
      const value = this.#handles.value(object);
      if (!Array.isArray(value)) return ARRAY_EXPECTED;
      this.#memory.setWord(result, value.length);
      return OK;
    },
    napi_get_prototype: (_: number, object: number, result: number) =>
      this.#attempt(() => void this.#give(result, Object.getPrototypeOf(this.#properties(object)))),
    napi_define_properties: (_: number, object: number, count: number, at: number) =>
      this.#attempt(() => {
        for (let index = 0; index < count; index += 1) this.#define(this.#properties(object), at + DESCRIPTOR * index);
      }),
    napi_define_class: (_: number, name: number, length: number, maker: number, data: number, count: number, at: number, result: number) =>
      this.#attempt(() => {
        const made = this.#function(this.#memory.text(name, length), maker, data);
        for (let index = 0; index < count; index += 1) {
          const descriptor = at + DESCRIPTOR * index;
          const isStatic = (this.#memory.word(descriptor + 24) & STATIC) !== 0;
          this.#define(isStatic ? made : (made.prototype as object), descriptor);
        }
        this.#give(result, made);
      }),
    napi_new_instance: (_: number, maker: number, count: number, args: number, result: number) =>
      this.#attempt(() => {
        const made = this.#handles.value(maker);
        if (typeof made !== 'function') return FUNCTION_EXPECTED;
        return this.#give(result, Reflect.construct(made, this.#arguments(count, args)));
      }),
    napi_create_function: (_: number, name: number, length: number, at: number, data: number, result: number) =>
      this.#give(result, this.#function(name === 0 ? '' : this.#memory.text(name, length), at, data)),
    napi_call_function: (_: number, self: number, callee: number, count: number, args: number, result: number) =>
      this.#attempt(() => {
        const called = this.#handles.value(callee);
        if (typeof called !== 'function') return FUNCTION_EXPECTED;
        const value: unknown = Reflect.apply(called, this.#handles.value(self), this.#arguments(count, args));
        return this.#give(result, value);
      }),
    napi_get_cb_info: (_: number, info: number, count: number, args: number, self: number, data: number) => {
      const call = this.#calls[info - 1];
      if (call === undefined) return INVALID_ARGUMENT;
      if (count !== 0) {
        const room = this.#memory.word(count);
        for (let index = 0; args !== 0 && index < room; index += 1) {
          const handle = index < call.args.length ? this.#handles.of(call.args[index]) : UNDEFINED;
          this.#memory.setWord(args + 4 * index, handle);
        }
        this.#memory.setWord(count, call.args.length);
      }
      if (self !== 0) this.#give(self, call.self);
      this.#memory.setWord(data, call.data);
      return OK;
    },
    // Bytes

    napi_get_typedarray_info: (_: number, handle: number, type: number, length: number, data: number, buffer: number, offset: number) => {
      const value = this.#handles.value(handle);
      const kind = ARRAYS.findIndex(one => value instanceof one);
      if (kind < 0) return INVALID_ARGUMENT;
      const array = value as Uint8Array;
      this.#memory.setWord(type, kind);
      this.#memory.setWord(length, array.length);
      if (data !== 0) this.#memory.setWord(data, this.#memory.lend(new Uint8Array(array.buffer, array.byteOffset, array.byteLength)));
      if (buffer !== 0) this.#give(buffer, array.buffer);
      this.#memory.setWord(offset, array.byteOffset);
      return OK;
    },
    napi_create_arraybuffer: (_: number, length: number, data: number, result: number) => {
      // Bytes that the module writes would not arrive: it hands them over instead.
      if (length !== 0) return GENERIC_FAILURE;
      this.#memory.setWord(data, 0);
      return this.#give(result, new ArrayBuffer(0));
    },
    /** The bytes are copied, so the module may free its own at once. */
    napi_create_external_arraybuffer: (_: number, at: number, length: number, finalizer: number, hint: number, result: number) => {
      this.#give(result, this.#memory.copy(at, length).buffer);
      if (finalizer !== 0) this.#run(finalizer)(ENVIRONMENT, at, hint);
      return OK;
    },
    napi_create_typedarray: (_: number, type: number, length: number, buffer: number, offset: number, result: number) =>
      this.#attempt(() => {
        const kind = ARRAYS[type];
        if (kind === undefined) return INVALID_ARGUMENT;
        return this.#give(result, new kind(this.#handles.value(buffer) as ArrayBuffer, offset, length));
      }),
    // Lifetimes

    napi_wrap: (_: number, object: number, data: number, finalizer: number, hint: number, result: number) => {
      const value = this.#handles.value(object);
      if (typeof value !== 'object' || value === null) return OBJECT_EXPECTED;
      if (this.#wrapped.has(value)) return INVALID_ARGUMENT;
      const held = { run: finalizer === 0 ? undefined : this.#run(finalizer), data, hint };
      this.#wrapped.set(value, held);
      this.#registry.register(value, held, held);
      if (result !== 0) this.#memory.setWord(result, this.#handles.refer(value, 0));
      return OK;
    },
    napi_unwrap: (_: number, object: number, result: number) => {
      const held = this.#wrapped.get(this.#handles.value(object) as object);
      if (held === undefined) return INVALID_ARGUMENT;
      this.#memory.setWord(result, held.data);
      return OK;
    },
    napi_add_finalizer: (_: number, object: number, data: number, finalizer: number, hint: number, result: number) => {
      const value = this.#handles.value(object) as WeakKey;
      this.#registry.register(value, { run: this.#run(finalizer), data, hint });
      if (result !== 0) this.#memory.setWord(result, this.#handles.refer(value, 0));
      return OK;
    },
    napi_create_reference: (_: number, handle: number, count: number, result: number) => {
      this.#memory.setWord(result, this.#handles.refer(this.#handles.value(handle), count));
      return OK;
    },
    napi_delete_reference: (_: number, reference: number) => (this.#handles.forget(reference) ? OK : INVALID_ARGUMENT),
    napi_reference_unref: (_: number, reference: number, result: number) => this.#counted(reference, -1, result),
    napi_get_reference_value: (_: number, reference: number, result: number) => {
      this.#memory.setWord(result, this.#handles.referred(reference));
      return OK;
    },
    // There is one environment, and it ends with its runtime.
    napi_add_env_cleanup_hook: () => OK,
    // Errors

    napi_throw: (_: number, handle: number) => this.#throw(this.#handles.value(handle)),
    napi_throw_error: (_: number, code: number, message: number) =>
      this.#throw(this.#error(code === 0 ? undefined : this.#memory.text(code), this.#memory.text(message))),
    napi_is_exception_pending: (_: number, result: number) => this.#say(result, this.#pending !== undefined),
    napi_get_and_clear_last_exception: (_: number, result: number) => {
      const pending = this.#pending;
      this.#pending = undefined;
      return pending === undefined ? this.#constant(result, UNDEFINED) : this.#give(result, pending.error);
    },
    // Threads: there are none. What is only asked for when a value is freed on another one is never called.
    napi_create_threadsafe_function: (...words: number[]) => {
      this.#memory.setWord(words.at(-1) ?? 0, ENVIRONMENT);
      return OK;
    },
    napi_call_threadsafe_function: () => CLOSING,
    napi_cancel_async_work: () => GENERIC_FAILURE,
    napi_unref_threadsafe_function: () => OK,
  };

  #constant(at: number, handle: number): number {
    this.#memory.setWord(at, handle);
    return OK;
  }

  #counted(reference: number, by: 1 | -1, result: number): number {
    const count = this.#handles.count(reference, by);
    if (count === undefined) return GENERIC_FAILURE;
    this.#memory.setWord(result, count);
    return OK;
  }

  #throw(error: unknown): number {
    this.#pending ??= { error };
    return OK;
  }
}
