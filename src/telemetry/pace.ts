// Divides long work of a thread into short turns of its event loop, by time: the same number of series takes
// ten times as long on a busy machine.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The work of one turn, in milliseconds. The primary accepts connections between turns. */
const TURN_MS = 1;
/** Items between two looks at the time: some hundredths of a millisecond of work. */
const PIECE = 64;

export class Pace {
  #since = performance.now();

  /**
   * Resolves in a later turn when this one has lasted long enough. Call it after each small piece of work.
   */
  readonly rest = (): Promise<void> | undefined =>
    performance.now() - this.#since < TURN_MS ? undefined : this.#turn();

  async #turn(): Promise<void> {
    await nextTurn();
    this.#since = performance.now();
  }
}

/** Does something small with each item, in turns of the event loop. */
export async function eachInTurns<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  const { rest } = new Pace();
  let count = 0;
  for (const item of items) {
    if (++count % PIECE === 0) await rest();
    work(item);
  }
}
