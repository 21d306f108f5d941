// Promises of code of services, which need not be what they seem.
import { types } from 'node:util';

/**
 * True for a promise and for any other value that `await` takes for one. @throws what a getter of the value
 * throws
 */
export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  value instanceof Promise ||
  (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function');

/**
 * Returns a promise for one of a handler: its `then` does not throw and calls one of its callbacks, once. A
 * promise of Node.js without members of its own is such a promise.
 */
export const adopted = (value: PromiseLike<unknown>): Promise<unknown> =>
  isUnchanged(value) ? value : settledBy(value);

const settledBy = async (value: PromiseLike<unknown>): Promise<unknown> => await value;

/** Even the built-in `then` may throw, because it reads the property `constructor` of the promise. */
const isUnchanged = (value: PromiseLike<unknown>): value is Promise<unknown> =>
  types.isPromise(value) &&
  Object.getPrototypeOf(value) === Promise.prototype &&
  !Object.hasOwn(value, 'then') &&
  !Object.hasOwn(value, 'constructor');

/**
 * Keeps a rejection from being reported as unhandled. For promises that handlers get and that reject when a
 * client misbehaves or leaves: a handler may await them later, or never. It still gets the error when it
 * awaits.
 */
export function unreported<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Does the same for the promises that `next` of an iterator returns. */
export function unreportedIterator<T>(
  iterator: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const next = iterator.next.bind(iterator);
  iterator.next = () => unreported(next());
  return iterator;
}
