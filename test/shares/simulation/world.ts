// Many processes that divide limits, with everything that may go wrong around them.
import { seeded } from '#test/support/random.js';
import { Ledger, type LedgerTerms } from './ledger.js';
import { Network } from './network.js';
import { type Fault, SimProcess } from './sim-process.js';
import { Timeline } from './timeline.js';

export interface WorldOptions {
  readonly seed: number;
  readonly limits: readonly LedgerTerms[];
  readonly delayMs?: number;
  readonly loss?: number;
  readonly fault?: Fault;
}

export class World {
  readonly timeline = new Timeline();
  readonly network: Network;
  readonly random: () => number;
  readonly ledgers: readonly Ledger[];
  readonly processes: SimProcess[] = [];
  readonly #options: WorldOptions;
  /** Requests of all keys. */
  requests = 0;

  constructor(options: WorldOptions) {
    const { seed, limits, delayMs = 50, loss = 0 } = options;
    this.#options = options;
    this.random = seeded(seed);
    this.network = new Network({ timeline: this.timeline, random: this.random, delayMs, loss });
    this.ledgers = limits.map((terms) => new Ledger(terms));
  }

  /**
   * Starts a process, and requests to it.
   * @param everyMs the mean pause between two requests of each key
   * @param isEven whether they come evenly, and not at random and sometimes some at once
   */
  start(everyMs: number, isEven = false): SimProcess {
    const { limits, fault = {} } = this.#options;
    const { timeline, network, random } = this;
    const half = (): string =>
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    const newId = (): string => half() + half();
    const process = new SimProcess({ timeline, network, random, limits, newId, fault });
    this.processes.push(process);
    for (const index of limits.keys()) this.#load(process, index, everyMs, isEven);
    return process;
  }

  /** The highest excess of all limits, in permits. */
  get excess(): number {
    return Math.max(...this.ledgers.map(({ excess }) => excess));
  }

  /** Requests of one key to one process. */
  #load(process: SimProcess, index: number, everyMs: number, isEven: boolean): void {
    const { timeline, random } = this;
    const request = (): void => {
      if (process.isKilled) return;
      const times = !isEven && random() < 0.05 ? 10 : 1;
      for (let n = 0; n < times && !process.isPaused && !process.isIdle; n++) this.#take(process, index);
      timeline.in((isEven ? 1 : -Math.log(1 - random())) * everyMs * times, request);
    };
    timeline.in(random() * everyMs, request);
  }

  #take(process: SimProcess, index: number): void {
    this.requests += 1;
    if (process.cells[index]!.take('key') > 0) this.ledgers[index]!.admit(this.timeline.now);
  }
}
