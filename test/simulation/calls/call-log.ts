// What callers and instances have done, second by second, and the rules that every call must keep, whatever
// the story is.
import type { Endpoint } from '#src/registry/endpoint.js';
import { mayEject } from '#src/resilience/ejection.js';
import { quantile } from '#test/support/quantile.js';
import type { CallingProcess } from './calling-process.js';
import type { Mesh } from './mesh.js';
import type { Server } from './server.js';

/** A change of an instance takes this long at most to reach all processes. */
export const NEWS_MS = 200;
/** How often the load of the instances is looked at. */
const LOOK_MS = 50;
/** As docs/resilience.md has it: a fifth of the calls, and ten a second, of which ten may be saved. */
const SHARE = 0.2;
const MINIMUM = 15;
/** As docs/resilience.md has it. */
const MOST_LOAD = 1.25;

/** Counts by second. */
class Seconds {
  readonly #counts: number[] = [];

  add(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    this.#counts[second] = this.of(second) + 1;
  }

  of(second: number): number {
    return this.#counts[second] ?? 0;
  }

  /** The sum of the seconds from `from` up to, not including, `to`. */
  between(from: number, to: number): number {
    let sum = 0;
    for (let second = from; second < to; second += 1) sum += this.of(second);
    return sum;
  }
}

/** Counts by second and name. */
class NamedSeconds {
  readonly #all = new Map<string, Seconds>();

  of(name: string): Seconds {
    let one = this.#all.get(name);
    if (one === undefined) {
      one = new Seconds();
      this.#all.set(name, one);
    }
    return one;
  }
}

interface Running {
  readonly key: string | undefined;
  readonly tried: string[];
}

export interface Ejection {
  readonly process: string;
  readonly id: string;
  readonly at: number;
  readonly change: 'ejected' | 'returned';
}

export class CallLog {
  readonly finished = new Seconds();
  readonly errors = new Seconds();
  readonly attempts = new NamedSeconds();
  readonly ejections: Ejection[] = [];
  /** The last instance of each key. */
  readonly owners = new Map<string, string>();
  /** Instances that have never been up: no call may reach them while there are others. */
  readonly unborn = new Set<Server>();
  calls = 0;
  retries = 0;
  latencies: number[] = [];
  readonly #mesh: Mesh;
  readonly #begun = new NamedSeconds();
  readonly #retried = new NamedSeconds();
  readonly #running = new Map<string, Running>();
  readonly #leftAt = new Map<string, number>();
  #most = 0;
  #mean = 0;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  entered(server: Server): void {
    this.#mesh.trace.add(`enter ${server.id}`);
  }

  left({ id }: Server): void {
    this.#mesh.trace.add(`leave ${id}`);
    this.#leftAt.set(id, this.#mesh.time.now);
  }

  began({ name }: CallingProcess, path: string, key: string | undefined): void {
    this.calls += 1;
    this.#begun.of(name).add(this.#mesh.time.now);
    this.#running.set(path, { key, tried: [] });
  }

  attempted(process: CallingProcess, endpoint: Endpoint, path: string, attempt: number): void {
    const { trace, time } = this.#mesh;
    const { id } = endpoint;
    const { key, tried } = this.#running.get(path)!;
    trace.add(`${process.name} ${path} ${id} ${attempt}`);
    this.attempts.of(id).add(time.now);
    if (attempt > 1) this.#repeated(process, id, tried);
    const leftMs = time.now - (this.#leftAt.get(id) ?? time.now);
    trace.expect(leftMs <= NEWS_MS, 'left', () => `${id} was called ${leftMs.toFixed(0)} ms after it left`);
    const isUp = !this.unborn.has(this.#mesh.serverOf(endpoint));
    trace.expect(isUp, 'starting', () => `${id} was called before it was up`);
    if (key !== undefined && attempt === 1) this.#keyed(process, endpoint, key);
    tried.push(id);
  }

  #repeated(process: CallingProcess, id: string, tried: readonly string[]): void {
    const { trace, time } = this.#mesh;
    const { name, registry } = process;
    this.retries += 1;
    this.#retried.of(name).add(time.now);
    const second = Math.floor(time.now / 1000);
    const retries = this.#retried.of(name).between(second - 1, second + 1);
    // What was saved when the second before began counts in it, so the calls of one more second do. Within
    // two seconds, 15 retries are for any call.
    const calls = this.#begun.of(name).between(second - 2, second + 1);
    const most = SHARE * calls + MINIMUM;
    trace.expect(
      retries <= most,
      'budget',
      () => `${retries} retries within 2 s, of ${calls} calls within 3 s`,
    );
    if (!tried.includes(id)) return;
    const others = registry
      .placesOf('orders')
      .filter(
        ({ id: other, state, slot }) => !tried.includes(other) && state === 'healthy' && process.admits(slot),
      );
    trace.expect(
      others.length === 0,
      'another instance',
      () => `a retry went to ${id} again, beside ${others.length} others`,
    );
  }

  #keyed(process: CallingProcess, { id, slot }: Endpoint, key: string): void {
    this.owners.set(key, id);
    const places = process.registry.placesOf('orders');
    if (places.some((one) => one.state !== 'healthy' || process.ejections.isEjected(one.slot))) return;
    const [own = 0, ...others] = [{ slot }, ...places].map((one) => process.inFlight(one.slot));
    const mean = others.reduce((sum, calls) => sum + calls, 0) / others.length;
    this.#mesh.trace.expect(
      own < MOST_LOAD * mean + 1,
      'bounded load',
      () => `${id} has got a call beside ${own}, the mean is ${mean}`,
    );
  }

  ended({ name }: CallingProcess, path: string, ms: number, isGood: boolean): void {
    const { trace, time } = this.#mesh;
    this.#running.delete(path);
    trace.add(`${name} ${path} ${isGood ? 'ok' : 'failed'}`);
    this.finished.add(time.now);
    if (!isGood) this.errors.add(time.now);
    this.latencies.push(ms);
  }

  ejection(process: CallingProcess, slot: number, change: Ejection['change']): void {
    const { trace, time } = this.#mesh;
    const { registry, ejections, name } = process;
    const { id } = registry.at(slot)!;
    this.ejections.push({ process: name, id, at: time.now, change });
    trace.add(`${name} ${id} ${change}`);
    if (change === 'returned') return;
    const places = registry.placesOf('orders');
    const isOut = places.map((one) => ejections.isEjected(one.slot));
    const out = isOut.filter((is) => is).length;
    const others = places.filter(({ state }, n) => state === 'healthy' && !isOut[n]).length;
    trace.expect(
      mayEject(places.length, out - 1, others),
      'at most half',
      () => `${name} has ejected ${out} of ${places.length}`,
    );
  }

  /** From now on latencies and loads are measured. */
  measure(): void {
    const { time, members } = this.#mesh;
    this.latencies = [];
    time.every(LOOK_MS, () => {
      const loads = [...members].map(({ load }) => load);
      this.#most += Math.max(...loads);
      this.#mean += loads.reduce((sum, load) => sum + load, 0) / loads.length;
    });
  }

  /** The most requests at an instance by the mean, on average over the time measured. */
  get spread(): number {
    return this.#most / this.#mean;
  }

  latencyMs(share: number): number {
    return quantile(this.latencies, share);
  }

  /** The share of the calls that failed, of those that ended from one second on up to another. */
  failedBetween(from: number, to: number): number {
    return this.errors.between(from, to) / Math.max(1, this.finished.between(from, to));
  }
}
