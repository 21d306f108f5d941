// Cuts an operation off at a chosen call, as a full stack does, or V8 when it terminates code: the operation
// ends there, and its thread goes on with other code. `killAt` (stepped-atomics.ts) stands for a thread that
// ends instead.

class CutOff extends Error {}

/** Built-in functions whose calls count: between two of them nothing but variables and fields changes. */
const CALLED: readonly (readonly [owner: object, names: readonly string[]])[] = [
  [Atomics, ['load', 'store', 'add', 'sub', 'exchange', 'compareExchange']],
  [Map.prototype, ['get', 'set', 'delete']],
  [Array.prototype, ['push', 'at', 'entries']],
  [String.prototype, ['split', 'replaceAll']],
  [Object.getPrototypeOf(Uint8Array.prototype) as object, ['set', 'fill', 'entries']],
  [TextEncoder.prototype, ['encode']],
  [TextDecoder.prototype, ['decode']],
  [JSON, ['parse']],
];

/** Runs an operation up to a call, and nothing of the rest. @returns false when it has ended before */
export function cutOffAt(call: number, operation: () => unknown): boolean {
  const own = CALLED.flatMap(([owner, names]) =>
    names.map((name) => ({ owner, name, as: Object.getOwnPropertyDescriptor(owner, name)! })),
  );
  let calls = 0;
  try {
    for (const { owner, name, as } of own) {
      const value = function (this: unknown, ...parameters: readonly unknown[]): unknown {
        if (calls++ === call) throw new CutOff();
        return Reflect.apply(as.value as () => unknown, this, parameters);
      };
      Object.defineProperty(owner, name, { ...as, value });
    }
    operation();
    return false;
  } catch (error) {
    if (error instanceof CutOff) return true;
    throw error;
  } finally {
    for (const { owner, name, as } of own) Object.defineProperty(owner, name, as);
  }
}

/** Cuts an operation off at each of its calls, in a world of its own each time. */
export function atEachCall<W>(
  setUp: () => W,
  operation: (world: W) => unknown,
  after: (world: W) => void,
): void {
  for (let call = 0, isCutOff = true; isCutOff; call++) {
    const world = setUp();
    isCutOff = cutOffAt(call, () => operation(world));
    after(world);
  }
}
