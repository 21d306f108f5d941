// Values that a careless or malicious handler may return, throw or hand to a responder. They are
// created anew for every use.
import { HttpError, type HttpErrorOptions } from '#src/errors.js';

const throwing = (): never => {
  throw new Error('a trap was sprung');
};

/** An object that throws on every access. */
const trapped = (): object =>
  new Proxy(
    {},
    {
      get: throwing,
      has: throwing,
      ownKeys: throwing,
      getPrototypeOf: throwing,
      getOwnPropertyDescriptor: throwing,
    },
  );

const withGetter = (target: object, name: string): object =>
  Object.defineProperty(target, name, { get: throwing, enumerable: true });

const lookingLikeBytes = (): object => Object.create(Uint8Array.prototype) as object;

const lyingBytes = (): Uint8Array =>
  Object.defineProperties(new Uint8Array(3), {
    length: { value: 1e9 },
    byteLength: { value: 1e9 },
  });

const detachedBytes = (): Uint8Array => {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
};

/** The values by name. */
export const VALUES: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 123,
  'not a number': () => Number.NaN,
  'a bigint': () => 10n,
  'a symbol': () => Symbol('x'),
  'a function': () => () => 'x',
  'a boxed string': () => new String('x'),
  'an array': () => ['x'],
  'a Date that is none': () => new Date(Number.NaN),
  'a cycle': () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    return cycle;
  },
  'a toJSON that throws': () => ({ toJSON: throwing }),
  'a toString that throws': () => ({ toString: throwing, [Symbol.toPrimitive]: throwing }),
  'a getter that throws': () => withGetter({}, 'value'),
  'a length that throws': () => withGetter({}, 'length'),
  'an object without a prototype': () => Object.create(null),
  'an object with traps': trapped,
  'what looks like bytes': lookingLikeBytes,
  'bytes that lie about their length': lyingBytes,
  'bytes without memory': detachedBytes,
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(4)),
  'a Proxy of bytes': () => new Proxy(new Uint8Array(2), {}),
  'an ArrayBuffer': () => new ArrayBuffer(5),
  'a DataView': () => new DataView(new ArrayBuffer(5)),
  'words of 16 bits': () => new Uint16Array(4),
  'half a surrogate pair': () => '\ud800',
  'a line break': () => 'a\r\nb: c',
  'NUL bytes': () => '\0\0',
};

class Unreadable extends Error {
  override get message(): string {
    return throwing();
  }
}

/** A value that is an Error for the first few checks. */
const fickle = (): object => {
  let asked = 0;
  return Object.setPrototypeOf(
    new Error('fickle'),
    new Proxy(Error.prototype, {
      getPrototypeOf: () => (asked++ < 1 ? Error.prototype : throwing()),
    }),
  ) as object;
};

const refusal = (options: HttpErrorOptions = {}): HttpError => new HttpError('NOT_FOUND', 'x', options);

/** Further values that may be thrown. */
export const THROWN: Readonly<Record<string, () => unknown>> = {
  ...VALUES,
  'an Error': () => new Error('plain'),
  'a frozen Error': () => Object.freeze(new Error('frozen')),
  'an Error whose stack throws': () => withGetter(new Error('x'), 'stack'),
  'an Error whose message throws': () => new Unreadable(),
  'an Error whose cause throws': () => withGetter(new Error('x'), 'cause'),
  'an Error whose own field throws': () => withGetter(new Error('x'), 'details'),
  'an Error that is its own cause': () => {
    const error = new Error('x') as Error & { cause: unknown };
    error.cause = error;
    return error;
  },
  'a Proxy of an Error': () => new Proxy(new Error('behind'), {}),
  'a Proxy of an Error, with traps': () => new Proxy(new Error('behind'), { get: throwing }),
  'an Error with a status that is none': () => Object.assign(new Error('x'), { status: {}, code: {} }),
  'an Error whose message is no string': () => Object.assign(new Error('x'), { message: Symbol('m') }),
  'an Error with a toJSON that throws': () => Object.assign(new Error('x'), { toJSON: throwing }),
  'an HttpError whose members are no JSON': () => refusal({ members: { id: 5n } }),
  'an HttpError whose members throw': () => refusal({ members: withGetter({}, 'id') as never }),
  'an HttpError whose headers are none': () => refusal({ headers: { 'x-a': 'b\r\nc' } }),
  'an HttpError whose status is none': () => refusal({ status: 200 }),
  'an HttpError that no client is told': () => new HttpError('CLIENT_CLOSED', 'x'),
  'an HttpError of ours': () => new HttpError('INTERNAL', 'x'),
  'an HttpError whose code is no string': () => Object.assign(refusal(), { code: Symbol('c') }),
  'an HttpError whose message is no string': () =>
    Object.assign(refusal(), { message: { toString: throwing } }),
  'an HttpError whose status throws': () => withGetter(refusal(), 'status'),
  'an HttpError whose code throws': () => withGetter(refusal(), 'code'),
  'an HttpError whose title throws': () => withGetter(refusal(), 'title'),
  'an Error whose prototype throws when it is asked for again': fickle,
};

const thenable = (then: unknown, target: object = {}): object =>
  Object.defineProperty(target, 'then', { value: then });

/** Objects with a `then` that are no promises. */
export const THENABLES: Readonly<Record<string, () => unknown>> = {
  'a then that throws': () => thenable(throwing),
  'a getter then that throws': () => withGetter({}, 'then'),
  'a then that is called twice': () =>
    thenable((resolve: (value: string) => void) => {
      resolve('first');
      resolve('second');
    }),
  'a then that resolves and then rejects': () =>
    thenable((resolve: (value: string) => void, reject: (reason: unknown) => void) => {
      resolve('first');
      reject(new Error('second'));
    }),
  'a then that gives another one': () =>
    thenable((resolve: (value: unknown) => void) => resolve(thenable(throwing))),
  'a promise whose constructor throws': () => withGetter(Promise.resolve('x'), 'constructor'),
  'a promise whose species throws': () =>
    Object.defineProperty(Promise.resolve('x'), 'constructor', {
      value: withGetter(() => {}, Symbol.species as never),
    }),
  'a promise whose then throws': () => thenable(throwing, Promise.resolve('x')),
  'a promise whose then throws when it is looked at': () => withGetter(Promise.resolve('x'), 'then'),
};
