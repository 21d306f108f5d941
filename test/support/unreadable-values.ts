// Values that code of a service may throw, or abort a signal with, and that cannot be inspected like an
// error.

class NameThrows extends Error {
  override get name(): string {
    throw new Error('in name');
  }
}

const named = (name: unknown): Error => Object.defineProperty(new Error('named'), 'name', { value: name });

function circular(): object {
  const self: Record<string, unknown> = {};
  self.self = self;
  return self;
}

const trap = (): never => {
  throw new Error('in a trap');
};

/** Each makes a new value. */
export const UNREADABLE_VALUES: Readonly<Record<string, () => unknown>> = {
  null: () => null,
  'a Proxy that throws': () => new Proxy(new Error('p'), { getPrototypeOf: trap, get: trap }),
  'an object whose prototype is a Proxy that throws': () =>
    Object.create(new Proxy({}, { getPrototypeOf: trap, get: trap, has: trap })) as object,
  'an error whose name throws': () => new NameThrows('n'),
  'an error with a BigInt for its name': () => named(5n),
  'an error with a symbol for its name': () => named(Symbol('s')),
  'an error with a circular name': () => named(circular()),
  'an error with a very long name': () => named('x'.repeat(100_000)),
};
