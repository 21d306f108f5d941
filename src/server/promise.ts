/** A promise, or what passes for one in an `await`. @throws whatever looking at the value throws */
export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  value instanceof Promise ||
  (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function');

/**
 * A promise whose `then` is the language's own: it throws nothing, and calls one of its callbacks, once. A value that only
 * passes for a promise is adopted as `await` does it.
 */
export const adopted = (value: PromiseLike<unknown>): Promise<unknown> =>
  value instanceof Promise && value.then === Promise.prototype.then
    ? value
    : new Promise((resolve) => resolve(value));
