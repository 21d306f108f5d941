/** What one at a time may have. */
export interface Turn {
  /** @returns false when another has it */
  take(): boolean;
  leave(): void;
}

/** Among the sagas of one worker. */
export function localTurn(): Turn {
  let isTaken = false;
  return {
    take() {
      if (isTaken) return false;
      isTaken = true;
      return true;
    },
    leave() {
      isTaken = false;
    },
  };
}
