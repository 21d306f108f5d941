// What a piece of work has taken and others want as well: a permit, a probe, a session. The work gives it
// back when it ends. Code that V8 ends from outside runs no `finally`, so each hold is also in a list of the
// scope of its work, and what breaks a request off gives back all that is in the list.
import { type Linked, LinkedList } from './linked-list.js';

export abstract class Hold implements Linked<Hold> {
  older: Hold | undefined;
  newer: Hold | undefined;
  #isHeld = false;
  #holds: Holds | undefined;

  /**
   * Call when it has been taken, in the same turn.
   * @param holds of the scope; undefined: the work alone gives it back
   */
  take(holds: Holds | undefined): void {
    this.#isHeld = true;
    this.#holds = holds;
    holds?.add(this);
  }

  /** The work gives it back. @returns false when it was given back already, or never taken */
  end(): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#holds?.remove(this);
    this.#holds = undefined;
    return true;
  }

  /** Gives it back, once. Safe on top of any code of a service. */
  release(): void {
    if (this.end()) this.onRelease();
  }

  /** What the work has come to is not known here. Called once, and never after `end` has returned true. */
  protected abstract onRelease(): void;
}

/** The holds of one scope, which end in any order. */
export class Holds extends LinkedList<Hold> {
  /** The work will not go on: gives back what it holds, the newest first. */
  release(): void {
    for (let hold = this.newest; hold !== undefined; hold = this.newest) hold.release();
  }
}
