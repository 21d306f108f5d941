// Values that the tasks of task-values.test.ts return, throw and leave behind, by description.
import { createSecretKey } from 'node:crypto';
import { types } from 'node:util';
import { MessageChannel, markAsUntransferable, threadId } from 'node:worker_threads';
import { HttpError } from '#src/errors.js';

type Make = () => unknown;

const trap = (): never => {
  throw new Error('a trap');
};

/** A Proxy whose every use throws. */
const hostile = (): object => new Proxy({}, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap });

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function deep(levels: number): object {
  let value = {};
  for (let level = 0; level < levels; level++) value = { value };
  return value;
}

class Hidden {
  readonly #held = 1;
  get held(): number {
    return this.#held;
  }
}

const detached = new Uint8Array(100);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const pinned = new Uint8Array(100);
markAsUntransferable(pinned.buffer);
const kept = new Uint8Array(100);
const part = kept.subarray(10, 20);
const whole = new Uint8Array(100);
const shared = new Uint8Array(new SharedArrayBuffer(8));
const isCopyOfShared = ({ length, buffer }: Uint8Array): boolean =>
  length === 8 && !types.isSharedArrayBuffer(buffer);
const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

/** Values that reach the caller, however often they are returned, and what they are there. */
export const SENT: Readonly<Record<string, readonly [Make, (value: never) => boolean]>> = {
  'a view of shared memory': [() => shared, isCopyOfShared],
  'an object with such a view': [() => ({ shared }), ({ shared: one }) => isCopyOfShared(one)],
  'a Buffer': [() => Buffer.from('text'), (value: Buffer) => value.toString('latin1') === 'text'],
  'an ArrayBuffer': [() => whole.buffer, (value: ArrayBuffer) => value.byteLength === 100],
  'two views of one buffer': [() => [whole, whole], ([, two]: Uint8Array[]) => two!.length === 100],
  'a cyclic object': [() => cyclic, (value: typeof cyclic) => value.self === value],
  'an Error': [() => new RangeError('x'), (value: Error) => value instanceof RangeError],
  'an empty object': [() => ({}), (value: object) => Object.keys(value).length === 0],
  'empty collections': [
    () => [new Map(), new Set()],
    ([map, set]: [Map<1, 1>, Set<1>]) => map.size === set.size,
  ],
  'a date, an expression and a boxed number': [
    () => [new Date(0), /a/g, new Number(1)],
    ([date, expression, one]: [Date, RegExp, number]) => +date === 0 && expression.test('a') && +one === 1,
  ],
  'many bytes': [() => new Uint8Array(1e8), (value: Uint8Array) => value.length === 1e8],
  'a long text': [() => 'x'.repeat(1e7), (value: string) => value.length === 1e7],
  'no bytes': [() => new Uint8Array(0), (value: Uint8Array) => value.length === 0],
};

/** Objects with content whose clone is empty. */
export const HIDDEN: Readonly<Record<string, Make>> = {
  'a stream': () => new ReadableStream(),
  'a Blob': () => new Blob(['x']),
  'a response': () => new Response('x'),
  headers: () => new Headers({ a: 'x' }),
  'a URL': () => new URL('http://a.example/'),
  parameters: () => new URLSearchParams('a=x'),
  'the functions of WebCrypto': () => crypto.subtle,
  'an instance with private fields': () => new Hidden(),
};

/** Values that cannot be sent. */
export const NOT_SENT: Readonly<Record<string, Make>> = {
  'bytes that were moved': () => detached,
  'a buffer that was moved': () => detached.buffer,
  'an object with bytes that were moved': () => ({ detached }),
  'what only looks like bytes': () => Object.create(Uint8Array.prototype),
  'a Proxy of bytes': () => new Proxy(new Uint8Array(4), {}),
  'shared memory': () => shared.buffer,
  'a function': () => trap,
  'an object with a function': () => ({ trap }),
  'a symbol': () => Symbol('x'),
  'a Proxy': () => new Proxy({}, {}),
  'a getter that throws': () => Object.defineProperty({}, 'x', { get: trap, enumerable: true }),
  'a getter that throws a function': () => ({
    get x() {
      throw trap;
    },
  }),
  'a getter that throws a hostile Proxy': () => ({
    get x() {
      throw hostile();
    },
  }),
  'an object of a hundred thousand levels': () => deep(100_000),
  'an object that has too many levels for its caller': () => deep(7_000),
  'a MessagePort': () => new MessageChannel().port1,
  'an object with a MessagePort': () => ({ port: new MessageChannel().port1 }),
  'a key': () => createSecretKey(Buffer.from('x')),
  'a WeakMap': () => new WeakMap(),
  'a generator': () => (function* () {})(),
  'a promise in an array': () => [Promise.resolve(1)],
  'a rejected promise in an array': () => [Promise.reject(new Error('left behind'))],
  'the global object': () => globalThis,
  ...Object.fromEntries(
    Object.entries(HIDDEN).flatMap(([name, make]) => [
      [name, make],
      [`${name} below others`, () => ({ all: [1, { it: make() }] })],
      [`${name} in a Map`, () => new Map([['it', make()]])],
      [`${name} in a Set`, () => new Set([make()])],
    ]),
  ),
};

/** Values that some versions of Node.js send, as an empty object or as a copy, and others reject. */
export const SENT_OR_NOT: Readonly<Record<string, Make>> = {
  'bytes that cannot be moved': () => pinned,
};

/** Values that throw when the task's promise resolves with them, or when they are read. */
export const RETURNED_BUT_THROWS: Readonly<Record<string, Make>> = {
  'a Proxy whose traps throw': hostile,
  'a Proxy that is revoked': revoked,
  'a `then` that throws': () => Object.defineProperty({}, 'then', { get: trap }),
  'a `then` that rejects with a function': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    then: (_: unknown, reject: (reason: unknown) => void) => reject(trap),
  }),
};

class Odd extends Error {
  readonly when = Symbol('odd');
  override get message(): string {
    return trap();
  }
}

const withStack = (get: Make): Error => Object.defineProperty(new Error('odd stack'), 'stack', { get });

export const THROWN: Readonly<Record<string, Make>> = {
  'a text': () => 'text',
  nothing: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('thrown'),
  'a function': () => trap,
  'an object without a prototype': () => Object.create(null),
  'an object that cannot become a text': () => ({ toString: trap }),
  'a primitive that is none': () => ({ [Symbol.toPrimitive]: () => ({}) }),
  'a Proxy whose traps throw': hostile,
  'a Proxy that is revoked': revoked,
  'a Proxy of an Error': () => new Proxy(new Error('behind it'), {}),
  'an Error whose message throws': () => new Odd(),
  'an Error whose message throws a function': () =>
    Object.defineProperty(new Error(), 'message', {
      get() {
        throw trap;
      },
    }),
  'an Error whose message is a function': () => Object.assign(new Error(), { message: trap }),
  'an Error whose message is an object': () => Object.assign(new Error(), { message: { toString: trap } }),
  'an Error whose stack throws': () => withStack(trap),
  'an Error whose stack is an object': () => withStack(() => ({ toString: trap })),
  'an Error that is its own cause': () => {
    const error = new Error('cyclic');
    error.cause = error;
    return error;
  },
  'an AggregateError': () => new AggregateError([new Error('a')], 'both'),
  'a DOMException': () => new DOMException('dom', 'AbortError'),
  'an Error with a MessagePort': () => Object.assign(new Error('x'), { port: new MessageChannel().port1 }),
  'an HttpError whose members cannot be cloned': () =>
    new HttpError('NOT_FOUND', 'x', { members: { trap } as never }),
  'bytes that were moved': () => detached,
  'a MessagePort': () => new MessageChannel().port1,
};

/** Work that continues after the promise of a task has settled, and throws where nothing can catch it. */
export const LEFT_BEHIND: Readonly<Record<string, () => void>> = {
  'a rejected promise': () => void Promise.reject(new Error('left behind')),
  'a timer': () => void setTimeout(trap),
  'an immediate': () => void setImmediate(trap),
  'a tick': () => process.nextTick(trap),
  'a timer that throws again and again': () => void setInterval(trap, 1).unref(),
  'an async function': () => void new Promise((resolve) => setTimeout(resolve)).then(trap),
  'a function as the reason': () => void Promise.reject(trap),
  'a hostile Proxy as the reason': () => void Promise.reject(hostile()),
  'an error of stdout': () => void process.stdout.destroy(new Error('left behind')),
};

export const sent = (name: string): unknown => SENT[name]![0]();
export const sentOrNot = (name: string): unknown => SENT_OR_NOT[name]!();
export const notSent = (name: string): unknown => NOT_SENT[name]!();
export const returnedButThrows = (name: string): unknown => RETURNED_BUT_THROWS[name]!();
export function thrown(name: string): never {
  throw THROWN[name]!();
}
export async function rejected(name: string): Promise<never> {
  await Promise.resolve();
  throw THROWN[name]!();
}

export const keptBytes = (): Uint8Array => kept;
export const keptPart = (): Uint8Array => part;

/** Work whose exception is thrown, up to Node.js 22, only when the task has ended. */
export const throwInMicrotask = (): void => queueMicrotask(trap);

export function leaveBehind(name: string): string {
  LEFT_BEHIND[name]!();
  return 'done';
}

/** Tasks that never settle by themselves. */
export function failBeside(name: string): Promise<never> {
  LEFT_BEHIND[name]!();
  return new Promise(() => setInterval(() => undefined, 1_000));
}

export const thread = (): number => threadId;

/** Waits for a few turns of the thread's loop. */
export async function turn(): Promise<number> {
  for (let left = 3; left > 0; left--) await new Promise((resolve) => setTimeout(resolve, 2));
  return threadId;
}

export const echo = (input: unknown): unknown => input;
