// A model of clients that call instances, in virtual time and with seeded chance: pickers, load cells and
// reports are the real ones; network, queues and service times are simulated. Each client is a process of its
// own, so it counts only its own calls. An instance works on a few requests at once and queues the others.
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { type ServedLoad, ServedLoads } from '#src/memory/served-load.js';
import type { Random } from '#src/resilience/policy.js';
import { Candidates } from '#src/upstream/candidates.js';
import { takeReport } from '#src/upstream/load-report.js';
import type { PickerFactory, ReportedLoad, Turns } from '#src/upstream/picker.js';
import { seeded } from '#test/support/random.js';
import { endpoint } from './endpoints.js';

export interface ModelInstance {
  /** How many times as long as usual a request takes. @default 1 */
  readonly slowness?: (nowMs: number) => number;
  /** The share of its requests that fail at once. @default 0 */
  readonly failures?: number;
  /** What it reports instead of its load. @default the truth */
  readonly claim?: string;
}

export interface ModelOptions {
  readonly instances: readonly ModelInstance[];
  readonly clients: number;
  /** Requests of all clients together. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly seed: number;
  readonly picker: (load: ReportedLoad & Turns, random: Random) => PickerFactory;
}

export interface ModelCall {
  readonly begunMs: number;
  readonly tookMs: number;
  readonly instance: number;
}

/** Requests that an instance works on at once, and the mean time that each of them takes. */
const [AT_ONCE, SERVICE_MS] = [2, 10] as const;
/** The time to an instance, and back. */
const HOP_MS = 0.5;
/** Calls of this time at the beginning are not measured. */
const WARM_UP_MS = 2_000;

class VirtualTime {
  now = 0;
  /** A heap by time, and by order where times are equal. */
  readonly #due: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  after(ms: number, run: () => void): void {
    const due = this.#due;
    due.push({ at: this.now + ms, order: this.#order++, run });
    for (let at = due.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  run(): void {
    const due = this.#due;
    while (due.length > 0) {
      this.#swap(0, due.length - 1);
      const { at, run } = due.pop()!;
      this.#sink();
      this.now = at;
      run();
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#due.length && this.#isBefore(child, least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#due[a]!, this.#due[b]!];
    return first.at < second.at || (first.at === second.at && first.order < second.order);
  }

  #swap(a: number, b: number): void {
    [this.#due[a], this.#due[b]] = [this.#due[b]!, this.#due[a]!];
  }
}

class Instance {
  readonly #of: ModelInstance;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #load: ServedLoad;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(of: ModelInstance, time: VirtualTime, random: Random, load: ServedLoad) {
    this.#of = of;
    this.#time = time;
    this.#random = random;
    this.#load = load;
  }

  /** @param respond gets the report, and whether the request succeeded */
  arrive(respond: (report: string, isOk: boolean) => void): void {
    const { failures = 0, claim, slowness = () => 1 } = this.#of;
    const arrivedMs = this.#time.now;
    if (this.#random() < failures) {
      respond(claim ?? this.#load.report(0), false);
      return;
    }
    this.#load.enter();
    const work = (): void => {
      this.#running++;
      const serviceMs = -Math.log(1 - this.#random()) * SERVICE_MS * slowness(this.#time.now);
      this.#time.after(serviceMs, () => {
        this.#running--;
        this.#load.took((this.#time.now - arrivedMs) * 1000);
        respond(claim ?? this.#load.report(1), true);
        this.#load.leave();
        this.#queue.shift()?.();
      });
    };
    if (this.#running < AT_ONCE) work();
    else this.#queue.push(work);
  }
}

/** @returns the calls, in the order of their ends */
export function runModel(options: ModelOptions): readonly ModelCall[] {
  const { clients, perSecond, seconds, seed, picker } = options;
  const random = seeded(seed);
  const time = new VirtualTime();
  const clock = (): number => time.now;
  const served = new ServedLoads(Block.create({ workers: 1 }), 1, clock);
  const instances = options.instances.map(
    (of, index) => new Instance(of, time, random, served.of(`i${index}`, 'process')),
  );
  const candidates = new Candidates(instances.map((_, slot) => endpoint(`i${slot}`, { slot })));
  const calls: ModelCall[] = [];

  const startClient = (): void => {
    const load = new EndpointCells(Block.create({ workers: 1 }), 1, clock);
    const own = picker(load, random)();
    const call = (): void => {
      const { slot } = own.pick(candidates);
      const begunMs = time.now;
      load.begin(slot);
      const end = (report: string, isOk: boolean): void => {
        load.end(slot);
        const tookMs = time.now - begunMs;
        if (isOk) load.observe(slot, tookMs * 1000);
        else load.failed(slot);
        takeReport(report, slot, load);
        if (begunMs >= WARM_UP_MS) calls.push({ begunMs, tookMs, instance: slot });
      };
      const respond = (report: string, isOk: boolean) => time.after(HOP_MS, () => end(report, isOk));
      time.after(HOP_MS, () => instances[slot]!.arrive(respond));
    };
    const next = (): void => {
      if (time.now >= seconds * 1000) return;
      call();
      time.after((-Math.log(1 - random()) * 1000 * clients) / perSecond, next);
    };
    next();
  };
  for (let client = 0; client < clients; client++) startClient();
  time.run();
  return calls;
}
