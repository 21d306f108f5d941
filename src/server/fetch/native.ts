// The classes of Node.js for requests and responses, and what makes objects of ours stand for theirs.
interface Natives {
  readonly Request: typeof Request;
  readonly Response: typeof Response;
  readonly Headers: typeof Headers;
  readonly fetch: typeof fetch;
}

/** The globals as Node.js has defined them, before any of them has been read or replaced. */
const DEFINED = Object.getOwnPropertyDescriptors(globalThis) as unknown as Readonly<
  Record<keyof Natives, PropertyDescriptor>
>;

let loaded: Natives | undefined;

/**
 * The classes of Node.js, also where the globals of these names are ours (fetch-classes.ts). The first call
 * in a thread loads undici, which takes about 20 ms.
 */
export function natives(): Natives {
  loaded ??= {
    Request: defined('Request'),
    Response: defined('Response'),
    Headers: defined('Headers'),
    fetch: defined('fetch'),
  };
  return loaded;
}

function defined<K extends keyof Natives>(name: K): Natives[K] {
  const present = Object.getOwnPropertyDescriptor(globalThis, name)!;
  const native: Natives[K] = Reflect.get(Object.create(null, { [name]: DEFINED[name] }), name, globalThis);
  // The getter of Node.js sets the global to its class.
  Object.defineProperty(globalThis, name, present);
  return native;
}

/** Whether a value is an instance of a class, or of a class of ours that stands for it. */
const isNative = (native: { readonly prototype: object }, value: unknown): boolean =>
  Object.prototype.isPrototypeOf.call(native.prototype, value as object);

/**
 * Makes `instanceof` of a class of ours true for native instances, but not that of classes that extend
 * ours. The class and its static members get the names of the native ones: code tells responses by
 * `constructor.name`, and a bundler renames classes.
 */
export function countNative(ours: object, native: { readonly prototype: object }): void {
  nameAs(ours, native);
  for (const name of Reflect.ownKeys(native)) nameMember(ours, native, name);
  Object.defineProperty(ours, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this === ours) return isNative(native, value);
      return Reflect.apply(Function.prototype[Symbol.hasInstance], this, [value]);
    },
  });
}

/**
 * Makes the instances of a class of ours instances of a native one. Members that ours lacks are carried out
 * by the native object of an instance; later versions of Node.js may have more of them.
 * @param nativeOf makes the native object, or returns the one that was made
 */
export function standFor<T extends object>(
  prototype: T,
  native: object,
  nativeOf: (instance: T) => object,
): void {
  for (const name of Reflect.ownKeys(native)) {
    if (name === 'constructor') continue;
    if (Object.hasOwn(prototype, name)) {
      Object.defineProperty(prototype, name, { enumerable: typeof name === 'string' });
    } else {
      const { enumerable = false } = Object.getOwnPropertyDescriptor(native, name)!;
      const member = carriedOut(native, name, nativeOf);
      Object.defineProperty(prototype, name, { ...member, enumerable, configurable: true });
    }
    nameMember(prototype, native, name);
  }
  Object.setPrototypeOf(prototype, native);
}

/** Gives a function of ours the name and the number of parameters of a native one. */
export function nameAs(ours: unknown, native: unknown): void {
  if (typeof ours !== 'function' || typeof native !== 'function') return;
  for (const key of ['name', 'length'])
    Object.defineProperty(ours, key, Object.getOwnPropertyDescriptor(native, key)!);
}

function nameMember(ours: object, native: object, name: string | symbol): void {
  const own = Object.getOwnPropertyDescriptor(ours, name);
  const theirs = Object.getOwnPropertyDescriptor(native, name)!;
  for (const part of ['value', 'get'] as const) nameAs(own?.[part], theirs[part]);
}

function carriedOut<T extends object>(
  native: object,
  name: string | symbol,
  nativeOf: (instance: T) => object,
): PropertyDescriptor {
  const { value } = Object.getOwnPropertyDescriptor(native, name)!;
  if (value === undefined)
    return {
      get(this: T): unknown {
        return Reflect.get(native, name, nativeOf(this));
      },
    };
  if (typeof value !== 'function') return { value };
  return {
    value(this: T, ...args: unknown[]): unknown {
      return Reflect.apply(value, nativeOf(this), args);
    },
  };
}
