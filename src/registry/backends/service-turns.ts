// Work on the instances of many services, one instance of a service at a time, and a few services at the same
// time. Services take turns: after each instance the next service is served.
import { setImmediate } from 'node:timers/promises';
import type { FoundInstance } from './backend.js';

/** Instances of one turn of the event loop. */
const IN_TURN = 100;

export class ServiceTurns {
  readonly #most: number;
  readonly #work: (instance: FoundInstance) => Promise<void>;
  /** What waits, by service and id. */
  readonly #waiting = new Map<string, Map<string, FoundInstance>>();
  readonly #busy = new Set<string>();
  #begun = 0;
  #turn: Promise<void> | undefined;

  /**
   * @param most services with an instance under way at the same time
   * @param work never rejects
   */
  constructor(most: number, work: (instance: FoundInstance) => Promise<void>) {
    this.#most = most;
    this.#work = work;
  }

  /** Adds an instance, in place of one with its id that waits. */
  add(instance: FoundInstance): void {
    const ofService = this.#waiting.get(instance.service) ?? new Map<string, FoundInstance>();
    this.#waiting.set(instance.service, ofService.set(instance.id, instance));
    this.#begin();
  }

  remove(service: string, id: string): void {
    const ofService = this.#waiting.get(service);
    ofService?.delete(id);
    if (ofService?.size === 0) this.#waiting.delete(service);
  }

  has(service: string, id: string): boolean {
    return this.#waiting.get(service)?.has(id) === true;
  }

  /** What waits. */
  all(): readonly FoundInstance[] {
    return [...this.#waiting.values()].flatMap((instances) => [...instances.values()]);
  }

  clear(): void {
    this.#waiting.clear();
  }

  #begin(): void {
    for (const service of this.#waiting.keys()) {
      if (this.#busy.size >= this.#most) return;
      if (!this.#busy.has(service)) void this.#serve(service);
    }
  }

  async #serve(service: string): Promise<void> {
    const [next] = this.#waiting.get(service)!.values();
    this.#busy.add(service);
    this.remove(service, next!.id);
    await this.#work(next!);
    this.#begun += 1;
    if (this.#begun >= IN_TURN) await this.#nextTurn();
    this.#busy.delete(service);
    this.#toTheEnd(service);
    this.#begin();
  }

  /** Lets what waits of a service wait behind all other services. */
  #toTheEnd(service: string): void {
    const ofService = this.#waiting.get(service);
    if (ofService === undefined) return;
    this.#waiting.delete(service);
    this.#waiting.set(service, ofService);
  }

  #nextTurn(): Promise<void> {
    this.#turn ??= setImmediate().then(() => {
      this.#begun = 0;
      this.#turn = undefined;
    });
    return this.#turn;
  }
}
