// Methods that are replaced on one object, not on its class: frameworks set the prototype of the objects of
// `node:http`, as Express does, and packages replace the methods once more.

/**
 * The methods that an application, or its framework, has given the object.
 * @param object may be made by `Object.create` from the one whose methods were replaced
 * @param mark an own property of that one
 */
export function above<T extends object>(object: T, mark: symbol): T {
  let owned: object = object;
  while (!Object.hasOwn(owned, mark)) owned = Object.getPrototypeOf(owned);
  return Object.getPrototypeOf(owned) as T;
}
