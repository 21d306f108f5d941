// Interrupts code at its atomic operations, where other threads may run.

/** Runs a function with a call before every atomic operation. */
export function withInterrupts(interrupt: () => void, run: () => void): void {
  const { load, compareExchange } = Atomics;
  const announced =
    <A extends readonly unknown[], R>(operation: (...args: A) => R) =>
    (...args: A): R => {
      interrupt();
      return operation(...args);
    };
  Atomics.load = announced(load as never) as typeof load;
  Atomics.compareExchange = announced(compareExchange as never) as typeof compareExchange;
  try {
    run();
  } finally {
    Object.assign(Atomics, { load, compareExchange });
  }
}
