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
  /** Keys of each limit. @default 1 */
  readonly keys?: number;
  /** Buckets of the table of a limit, of six rows each. @default as many as a test needs */
  readonly buckets?: number;
}

export class World {
  readonly timeline = new Timeline();
  readonly network: Network;
  readonly random: () => number;
  /** One for each key of each limit, the keys of the first limit first. */
  readonly ledgers: readonly Ledger[];
  readonly processes: SimProcess[] = [];
  readonly #options: WorldOptions;
  #machines = 0;
  /** Requests of all keys. */
  requests = 0;

  constructor(options: WorldOptions) {
    const { seed, limits, delayMs = 50, loss = 0, keys = 1 } = options;
    this.#options = options;
    this.random = seeded(seed);
    this.network = new Network({ timeline: this.timeline, random: this.random, delayMs, loss });
    this.ledgers = limits.flatMap((terms) => Array.from({ length: keys }, () => new Ledger(terms)));
  }

  /**
   * Starts a process, and requests to it.
   * @param everyMs the mean pause between two requests of the first key; those of further ones are longer
   * @param isEven whether they come evenly, and not at random and sometimes some at once
   * @param machine its machine: a process knows which of those beside it have ended @default one of its own
   */
  start(everyMs: number, isEven = false, machine = `machine-${this.#machines++}`): SimProcess {
    const { limits, fault = {}, keys = 1, buckets } = this.#options;
    const { timeline, network, random } = this;
    const half = (): string =>
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    const newId = (): string => half() + half();
    const name = `${machine} ${this.processes.length}`;
    const hasEnded = (other: string): boolean =>
      machineOf(other) === machine && this.processes.some((one) => one.name === other && one.isKilled);
    const process = new SimProcess({
      ...{ timeline, network, random, limits, newId, name, hasEnded, fault, buckets },
    });
    this.processes.push(process);
    for (const index of limits.keys())
      for (let key = 0; key < keys; key++) this.#load(process, index, key, everyMs * (1 + key), isEven);
    return process;
  }

  /** Starts a process where another one was killed. */
  restart({ name }: SimProcess, everyMs: number, isEven = false): SimProcess {
    return this.start(everyMs, isEven, machineOf(name));
  }

  /** The living processes of the machine of one, and that itself. */
  beside({ name }: SimProcess): readonly SimProcess[] {
    return this.processes.filter((one) => !one.isKilled && machineOf(one.name) === machineOf(name));
  }

  /** The highest excess of all limits, in permits. */
  get excess(): number {
    return Math.max(...this.ledgers.map(({ excess }) => excess));
  }

  /** Requests of one key to one process. */
  #load(process: SimProcess, index: number, key: number, everyMs: number, isEven: boolean): void {
    const { timeline, random } = this;
    const request = (): void => {
      if (process.isKilled) return;
      const times = !isEven && random() < 0.05 ? 10 : 1;
      for (let n = 0; n < times && !process.isPaused && !process.isIdle; n++) this.#take(process, index, key);
      timeline.in((isEven ? 1 : -Math.log(1 - random())) * everyMs * times, request);
    };
    timeline.in(random() * everyMs, request);
  }

  #take(process: SimProcess, index: number, key: number): void {
    const { keys = 1 } = this.#options;
    this.requests += 1;
    if (process.cells[index]!.take(`key ${key}`) > 0)
      this.ledgers[index * keys + key]!.admit(this.timeline.now);
  }
}

const machineOf = (name: string): string => name.split(' ')[0]!;
