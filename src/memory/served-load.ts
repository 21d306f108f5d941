// The load of the services that this process serves, which it reports to the processes that call them
// (`x-multilane-load`): requests in flight, and how long they take. Each thread counts its requests in a word
// of its own, a plain store per request; a report adds up the words of all threads. Latency is that of the
// thread that responds.
import type { Table } from './area.js';
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { SERVED, SERVED_ROWS } from './layout.js';
import { NameTable } from './name-table.js';
import { smoothed } from './smoothing.js';

/** Whose requests a report counts: all threads that serve HTTP on one port, or one that has its own port. */
export type ServedBy = 'process' | 'thread';

/** One service, as one thread serves it. */
export interface ServedLoad {
  /** A request is being worked on. */
  enter(): void;
  /** It is not being worked on any more. */
  leave(): void;
  /** A caller of the mesh got the response to its request after this time. */
  took(microseconds: number): void;
  /**
   * The value of `x-multilane-load`.
   * @param besides requests that are not to be counted: the one that is responded to
   */
  report(besides: number): string;
}

/** Weight of a new sample in the smoothed time of requests: that of one caller's call is small. */
const SMOOTHING = 1 / 16;
/** The row of all services that find no row of their own. */
const OTHERS = SERVED;

/** The loads of all services of one thread. */
export class ServedLoads {
  readonly #names: NameTable;
  readonly #table: Table;
  readonly #slot: number;
  readonly #clock: Clock;
  readonly #known = new Map<string, ServedLoad>();

  constructor(block: Block, slot: number, clock: Clock) {
    this.#names = new NameTable(block, 'served');
    this.#table = block.table('workerServedInFlight');
    this.#slot = slot;
    this.#clock = clock;
  }

  /** @returns the same object for the same arguments */
  of(service: string, by: ServedBy): ServedLoad {
    const name = `${by} ${service}`;
    let load = this.#known.get(name);
    if (load === undefined) {
      load = this.#counted(this.#names.rowFor(name) ?? OTHERS, by);
      this.#known.set(name, load);
    }
    return load;
  }

  #counted(row: number, by: ServedBy): ServedLoad {
    const { words, stride, rows } = this.#table;
    const clock = this.#clock;
    const own = this.#slot * stride + row;
    const inFlight = (): number => {
      if (by === 'thread') return words[own]!;
      let sum = 0;
      for (let thread = 0; thread < rows; thread++) sum += Atomics.load(words, thread * stride + row);
      return sum;
    };
    let [latency, measuredAt] = [0, 0];
    return {
      enter() {
        words[own] = words[own]! + 1;
      },
      leave() {
        words[own] = words[own]! - 1;
      },
      took(microseconds) {
        const now = clock();
        latency = latency === 0 ? microseconds : smoothed(latency, microseconds, SMOOTHING, now - measuredAt);
        measuredAt = now;
      },
      report: (besides) => `${Math.max(0, inFlight() - besides)};us=${Math.round(latency)}`,
    };
  }
}

/** Releases what a thread has counted. Call it when none of its code can run any more. */
export function reclaimServed(block: Block, slot: number): void {
  const words = block.words('workerServedInFlight', slot);
  for (let row = 0; row < SERVED_ROWS; row++) Atomics.store(words, row, 0);
}
