// Instances of other processes that wait to be admitted. Their names may have to be looked up, so a few
// services have one instance at a time under way: a list of thousands neither crowds out the look-ups of
// registrations nor waits for names of one service that resolve slowly. What is not admitted is tried again,
// ever more rarely.
import { setImmediate } from 'node:timers/promises';
import { type Schedule, timers } from '../schedule.js';
import type { FoundInstance } from './backend.js';
import { keyOf } from './backend-loop.js';

/** Services with an instance under way at the same time. */
const MOST_SERVICES = 16;
/** Admissions in one turn of the event loop. */
const TRIED_IN_TURN = 100;
const FIRST_RETRY_MS = 2_000;
const MOST_RETRY_MS = 60_000;

export class AdmissionQueue {
  /** @returns whether the instance may be admitted later */
  readonly #admit: (instance: FoundInstance, isAgain: boolean) => Promise<boolean>;
  /** What waits, by service and id. */
  readonly #waiting = new Map<string, Map<string, FoundInstance>>();
  readonly #busy = new Set<string>();
  /** Names of those under way that have not left meanwhile. */
  readonly #underWay = new Set<string>();
  /** What was not admitted, and may be later. */
  readonly #later = new Map<string, FoundInstance>();
  #tried = 0;
  #turn: Promise<void> | undefined;
  #retryMs = FIRST_RETRY_MS;
  readonly #schedule: Schedule;
  /** Cancels the timer after which `#later` is tried again; undefined while there is none. */
  #cancelAgain: (() => void) | undefined;

  /** @param schedule @default timers of Node */
  constructor(
    admit: (instance: FoundInstance, isAgain: boolean) => Promise<boolean>,
    schedule: Schedule = timers,
  ) {
    this.#admit = admit;
    this.#schedule = schedule;
  }

  add(instance: FoundInstance): void {
    this.#later.delete(keyOf(instance.service, instance.id));
    this.#enqueue(instance);
    this.#begin();
  }

  /** An instance has left: there may be room for others now. */
  remove(service: string, id: string): void {
    this.#waiting.get(service)?.delete(id);
    this.#later.delete(keyOf(service, id));
    this.#underWay.delete(keyOf(service, id));
    this.#retryMs = FIRST_RETRY_MS;
  }

  /** Removes everything that has another name. */
  retain(names: ReadonlySet<string>): void {
    for (const { service, id } of [...this.#later.values(), ...this.#all()])
      if (!names.has(keyOf(service, id))) this.remove(service, id);
  }

  close(): void {
    this.#cancelAgain?.();
    this.#waiting.clear();
    this.#later.clear();
  }

  #all(): readonly FoundInstance[] {
    return [...this.#waiting.values()].flatMap((instances) => [...instances.values()]);
  }

  #enqueue(instance: FoundInstance): void {
    const ofService = this.#waiting.get(instance.service) ?? new Map<string, FoundInstance>();
    this.#waiting.set(instance.service, ofService.set(instance.id, instance));
  }

  #begin(): void {
    for (const service of this.#waiting.keys()) {
      if (this.#busy.size >= MOST_SERVICES) return;
      if (!this.#busy.has(service)) void this.#work(service);
    }
  }

  async #work(service: string): Promise<void> {
    this.#busy.add(service);
    let next = this.#next(service);
    while (next !== undefined) {
      await this.#try(next);
      this.#tried += 1;
      if (this.#tried >= TRIED_IN_TURN) await this.#nextTurn();
      next = this.#next(service);
    }
    this.#waiting.delete(service);
    this.#busy.delete(service);
    this.#begin();
  }

  #nextTurn(): Promise<void> {
    this.#turn ??= setImmediate().then(() => {
      this.#tried = 0;
      this.#turn = undefined;
    });
    return this.#turn;
  }

  #next(service: string): FoundInstance | undefined {
    const instances = this.#waiting.get(service);
    const [next] = instances?.values() ?? [];
    if (next !== undefined) instances!.delete(next.id);
    return next;
  }

  async #try(instance: FoundInstance): Promise<void> {
    const key = keyOf(instance.service, instance.id);
    const isAgain = this.#later.delete(key);
    this.#underWay.add(key);
    const mayBeLater = await this.#admit(instance, isAgain);
    // It may have left meanwhile, or another change of it may wait.
    const isThere = this.#underWay.delete(key);
    if (mayBeLater && isThere && this.#waiting.get(instance.service)?.has(instance.id) !== true)
      this.#tryLater(key, instance);
  }

  #tryLater(key: string, instance: FoundInstance): void {
    this.#later.set(key, instance);
    this.#cancelAgain ??= this.#schedule(this.#retryMs, () => {
      this.#cancelAgain = undefined;
      this.#retryMs = Math.min(2 * this.#retryMs, MOST_RETRY_MS);
      for (const one of this.#later.values()) this.#enqueue(one);
      this.#begin();
    });
  }
}
