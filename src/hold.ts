// A hold is a shared thing that one piece of work occupies: a permit, a probe, a session. The work releases
// it when it ends. Code that V8 terminates from outside runs no `finally`, so the scope of the work also
// lists its holds: when a request is interrupted, all of them are released.
import { type Linked, LinkedList } from './linked-list.js';

export abstract class Hold implements Linked<Hold> {
  older: Hold | undefined;
  newer: Hold | undefined;
  #isHeld = false;
  #holds: Holds | undefined;

  /**
   * Marks it as held. Call this in the same turn of the event loop in which the thing was acquired.
   * @param holds the list of the scope; undefined: only the work itself can release it
   */
  take(holds: Holds | undefined): void {
    this.#isHeld = true;
    this.#holds = holds;
    holds?.add(this);
  }

  /** Ends the hold without calling `onRelease`. @returns false when it is not held */
  end(): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#holds?.remove(this);
    this.#holds = undefined;
    return true;
  }

  /** Releases it once; further calls do nothing. It runs no code of a service. */
  release(): void {
    if (this.end()) this.onRelease();
  }

  /**
   * Returns what is held without knowing how the work ended. Called once, and never after `end` returned
   * true.
   */
  protected abstract onRelease(): void;
}

/** The holds of one scope. They may end in any order. */
export class Holds extends LinkedList<Hold> {
  /** Releases all holds of work that was interrupted, the newest first. */
  release(): void {
    for (let hold = this.newest; hold !== undefined; hold = this.newest) hold.release();
  }
}
