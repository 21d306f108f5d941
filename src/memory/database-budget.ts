// The connections of the whole process to its databases, counted once for all workers. Each worker also counts
// what it holds itself, so that the primary can give back what a lost worker had.
import type { Block } from './block.js';
import type { Clock } from './clock.js';

const [HELD, MOST, WANTED_AT] = [0, 1, 2] as const;
/** Who waits says so every few ms; this long after the last time nobody does any more. */
const WANTED_FOR_MS = 100;

export class DatabaseBudget {
  readonly #shared: Int32Array;
  readonly #own: Int32Array;
  readonly #clock: Clock;

  /** @param slot row of the thread that holds the connections */
  constructor(block: Block, slot: number, clock: Clock) {
    this.#shared = block.words('databaseBudget');
    this.#own = block.words('workerDatabaseHeld', slot);
    this.#clock = clock;
  }

  /** Called once by the primary, before the workers start. */
  static configure(block: Block, most: number): void {
    const shared = block.words('databaseBudget');
    Atomics.store(shared, MOST, most);
    Atomics.store(shared, WANTED_AT, -WANTED_FOR_MS);
  }

  /** Gives back what a worker held that has ended, whichever way. Its sockets are closed by then. */
  static reclaim(block: Block, slot: number): number {
    const held = Atomics.exchange(block.words('workerDatabaseHeld', slot), 0, 0);
    Atomics.sub(block.words('databaseBudget'), HELD, held);
    return held;
  }

  tryAcquire(): boolean {
    for (;;) {
      const held = Atomics.load(this.#shared, HELD);
      if (held >= Atomics.load(this.#shared, MOST)) return false;
      if (Atomics.compareExchange(this.#shared, HELD, held, held + 1) !== held) continue;
      Atomics.add(this.#own, 0, 1);
      return true;
    }
  }

  release(): void {
    Atomics.sub(this.#own, 0, 1);
    Atomics.sub(this.#shared, HELD, 1);
  }

  want(): void {
    Atomics.store(this.#shared, WANTED_AT, this.#now());
  }

  get contended(): boolean {
    const since = (this.#now() - Atomics.load(this.#shared, WANTED_AT)) | 0;
    return since >= 0 && since < WANTED_FOR_MS;
  }

  /** Connections lent out and allowed in the whole process, for gauges. */
  get usage(): { readonly held: number; readonly most: number } {
    return { held: Atomics.load(this.#shared, HELD), most: Atomics.load(this.#shared, MOST) };
  }

  /** Milliseconds of the shared clock, wrapping at 32 bits. */
  #now(): number {
    return Math.floor(this.#clock()) | 0;
  }
}
