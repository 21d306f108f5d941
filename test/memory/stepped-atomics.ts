// Stops an operation at a chosen moment: before or after each of its atomic steps. A thread can be killed
// anywhere, but its effects on other threads change only at its steps.

class Killed extends Error {}

/** Whether operations run unhindered, for code inside a hook. */
const real = globalThis.Atomics;

/**
 * Calls `hook` before (even moments) and after (odd ones) each atomic step of an operation; steps of the hook
 * do not count.
 */
export function atEachMoment(hook: (moment: number) => void, operation: () => unknown): void {
  let moment = 0;
  const unhindered = (): void => {
    globalThis.Atomics = real;
    try {
      hook(moment++);
    } finally {
      globalThis.Atomics = stepped;
    }
  };
  const stepped: typeof Atomics = new Proxy(real, {
    get(target, name) {
      const step: unknown = Reflect.get(target, name);
      if (typeof step !== 'function') return step;
      return (...parameters: unknown[]): unknown => {
        unhindered();
        const result: unknown = Reflect.apply(step, target, parameters);
        unhindered();
        return result;
      };
    },
  });
  globalThis.Atomics = stepped;
  try {
    operation();
  } finally {
    globalThis.Atomics = real;
  }
}

/** The number of moments of an operation. */
export function momentsOf(operation: () => unknown): number {
  let moments = 0;
  atEachMoment(() => moments++, operation);
  return moments;
}

/** Runs an operation up to a moment, and nothing of the rest. @returns false when it has ended before */
export function killAt(at: number, operation: () => unknown): boolean {
  try {
    atEachMoment((moment) => {
      if (moment === at) throw new Killed();
    }, operation);
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

/** Runs another operation at a moment of an operation. */
export function meanwhileAt(at: number, other: () => void, operation: () => unknown): void {
  atEachMoment((moment) => {
    if (moment === at) other();
  }, operation);
}

/** Kills an operation at the first moment at which others see its effect. */
export function cutInTwo(operation: () => unknown, isSeen: () => boolean): void {
  try {
    atEachMoment(() => {
      if (isSeen()) throw new Killed();
    }, operation);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
}
