// Replaces `Atomics` and typed arrays over shared memory while a check runs: every access becomes an
// `Operation`, and the explorer decides whether it happens now, has happened already, or must
// wait.
//
// Typed arrays over a `SharedArrayBuffer` become proxies, so that plain accesses of shared words are included
// as well. They count as sequentially consistent accesses of one word, which is more than the language
// guarantees.

import type { ModelMemory } from './model-memory.js';
import type { Kind, Operation, Result, Value } from './operations.js';

type View = Int32Array | BigInt64Array | Uint8Array;
type Sink = (operation: Operation) => Result;

const real = { Atomics, Int32Array, BigInt64Array, Uint8Array };
const RMW = ['load', 'store', 'add', 'sub', 'and', 'or', 'exchange', 'compareExchange'] as const;

export class SteppedAtomics {
  /** Called with every access. */
  sink: Sink;
  readonly #memory: ModelMemory;
  readonly #views = new WeakMap<object, View>();

  constructor(memory: ModelMemory) {
    this.#memory = memory;
    this.sink = (operation) => memory.perform(operation);
  }

  /** Runs synchronous code and passes every access of shared memory to `sink`. */
  install<T>(run: () => T): T {
    const stepped = {
      Atomics: this.#atomics(),
      Int32Array: this.#constructorOf(Int32Array),
      BigInt64Array: this.#constructorOf(BigInt64Array),
      Uint8Array: this.#constructorOf(Uint8Array),
    };
    Object.assign(globalThis, stepped);
    try {
      return run();
    } finally {
      Object.assign(globalThis, real);
    }
  }

  #atomics(): object {
    const access =
      (kind: Kind) =>
      (view: object, index: number, ...values: Value[]): unknown => {
        const shared = this.#views.get(view);
        if (shared !== undefined) return this.sink(this.#operation(kind, shared, index, values));
        const plain = real.Atomics as unknown as Record<string, (...args: unknown[]) => unknown>;
        return plain[kind]!(view, index, ...values);
      };
    return {
      ...Object.fromEntries(RMW.map((kind) => [kind, access(kind)])),
      notify: (view: object, index: number, count = Number.POSITIVE_INFINITY) =>
        access('notify')(view, index, count),
      waitAsync: (view: object, index: number, value: number) => {
        const result = access('waitAsync')(view, index, value);
        return result === 'not-equal'
          ? { async: false, value: result }
          : { async: true, value: new Promise(() => {}) };
      },
    };
  }

  #operation(kind: Kind, view: View, index: number, values: readonly Value[]): Operation {
    if (!(Number.isInteger(index) && index >= 0 && index < view.length)) {
      throw new RangeError(`model: no index ${index} in a view of ${view.length}`);
    }
    const size = view.BYTES_PER_ELEMENT;
    const address = this.#memory.addressOf(view.buffer as SharedArrayBuffer, view.byteOffset + index * size);
    return { kind, address, isWide: size === 8, values };
  }

  #constructorOf<C extends new (...args: never[]) => View>(original: C): C {
    return new Proxy(original, {
      construct: (target, args) => {
        const view = Reflect.construct(target, args) as View;
        return view.buffer instanceof SharedArrayBuffer ? this.#proxy(view) : view;
      },
    });
  }

  #proxy(view: View): View {
    const methods = this.#methods(view);
    const proxy = new Proxy(view, {
      get: (target, property) => {
        if (typeof property === 'symbol') throw new Error(`model: ${String(property)} of shared memory`);
        if (isIndex(property)) return this.sink(this.#operation('read', target, Number(property), []));
        const value: unknown = methods[property] ?? Reflect.get(target, property, target);
        if (typeof value === 'function' && methods[property] === undefined) {
          throw new Error(`model: ${property}() of shared memory is not modelled`);
        }
        return value;
      },
      set: (target, property, value: Value) => {
        this.sink(this.#operation('write', target, Number(property as string), [value]));
        return true;
      },
    });
    this.#views.set(proxy, view);
    return proxy;
  }

  #methods(view: View): Readonly<Record<string, unknown>> {
    const write = (index: number, value: Value): void => {
      this.sink(this.#operation('write', view, index, [value]));
    };
    const read = (index: number): Value => this.sink(this.#operation('read', view, index, [])) as Value;
    return {
      subarray: (begin?: number, end?: number) => this.#proxy(view.subarray(begin, end)),
      fill: (value: Value, begin = 0, end = view.length) => {
        for (let index = begin; index < end; index++) write(index, value);
      },
      set: (values: ArrayLike<number>, offset = 0) => {
        if (view instanceof real.Uint8Array) this.#setBytes(view, values, offset);
        else for (let index = 0; index < values.length; index++) write(offset + index, values[index]!);
      },
      slice: (begin = 0, end = view.length) =>
        view instanceof real.Uint8Array ? this.#bytes(view, begin, end) : undefined,
      every: (test: (value: Value) => boolean) => {
        for (let index = 0; index < view.length; index++) if (!test(read(index))) return false;
        return true;
      },
    };
  }

  /** Copies word by word. */
  #setBytes(view: Uint8Array, bytes: ArrayLike<number>, offset: number): void {
    for (let at = 0; at < bytes.length; ) {
      const first = view.byteOffset + offset + at;
      let [mask, bits] = [0, 0];
      for (let byte = first & 3; byte < 4 && at < bytes.length; byte++, at++) {
        mask |= 0xff << (8 * byte);
        bits |= bytes[at]! << (8 * byte);
      }
      const address = this.#memory.addressOf(view.buffer as SharedArrayBuffer, first & ~3);
      this.sink({ kind: 'writeBits', address, isWide: false, values: [mask, bits] });
    }
  }

  #bytes(view: Uint8Array, begin: number, end: number): Uint8Array {
    const bytes = new real.Uint8Array(Math.max(0, Math.min(end, view.length) - begin));
    let [address, word] = [-1, 0];
    for (const index of bytes.keys()) {
      const at = view.byteOffset + begin + index;
      const next = this.#memory.addressOf(view.buffer as SharedArrayBuffer, at & ~3);
      if (next !== address) {
        address = next;
        word = this.sink({ kind: 'read', address, isWide: false, values: [] }) as number;
      }
      bytes[index] = word >>> (8 * (at & 3));
    }
    return bytes;
  }
}

const isIndex = (property: string): boolean => {
  const code = property.charCodeAt(0);
  return code >= 48 && code <= 57;
};
