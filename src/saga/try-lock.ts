/** A lock that is taken at once or not at all. */
export interface TryLock {
  /** @returns false when another holder has it */
  tryAcquire(): boolean;
  release(): void;
}

/** A lock within one thread. */
export function threadLock(): TryLock {
  let isHeld = false;
  return {
    tryAcquire() {
      if (isHeld) return false;
      isHeld = true;
      return true;
    },
    release() {
      isHeld = false;
    },
  };
}
