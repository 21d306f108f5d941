/** A promise, or what passes for one in an `await`. @throws whatever looking at the value throws */
export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  value instanceof Promise ||
  (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function');

/**
 * A promise of our own: its `then` throws nothing, and calls one of its callbacks, once. That of a handler's
 * promise may throw even where it is the language's, which asks the promise for its `constructor`.
 */
export const adopted = async (value: PromiseLike<unknown>): Promise<unknown> => await value;

/**
 * For promises that handlers get and that fail when a client misbehaves or leaves: a handler may await them
 * later than that, or never, and must not be taken for one that has lost an error. It still gets the error
 * when it awaits.
 */
export function unreported<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** The same for what `next` of an iterator returns. */
export function unreportedIterator<T>(
  iterator: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const next = iterator.next.bind(iterator);
  iterator.next = () => unreported(next());
  return iterator;
}
