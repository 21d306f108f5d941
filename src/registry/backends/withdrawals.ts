// What is to be withdrawn from a shared registry: removals by clients, and instances that this process has no
// more.
import { registrationIdOf } from '../registration.js';
import type { FoundInstance } from './backend.js';
import type { Moment } from './link-loop.js';
import { SetAside } from './set-aside.js';

/** The removal of an instance by a client, and what was known of the instance. */
export interface Removed {
  /** The version that another process has announced. */
  readonly version: string | undefined;
  /** What was announced last, and what was to take its place: perhaps the same, or none. */
  readonly registrationIds: readonly string[];
  /** That of its registration. */
  readonly ttlSeconds: number;
  readonly since: Moment;
}

/** What is to be withdrawn: a removal; or undefined for an instance that this process has no more. */
export type Withdrawal = readonly [key: string, removed: Removed | undefined];

export class Withdrawals {
  readonly #all = new Map<string, Removed | undefined>();
  /** Withdrawals that the backend does not make now. */
  readonly #refused = new SetAside();

  get(key: string): Removed | undefined {
    return this.#all.get(key);
  }

  has(key: string): boolean {
    return this.#all.has(key);
  }

  set(key: string, removed: Removed | undefined): void {
    this.#refused.delete(key);
    this.#all.set(key, removed);
  }

  delete(key: string): void {
    this.#refused.delete(key);
    this.#all.delete(key);
  }

  /** Whether any was not refused. */
  get isAnyUnderWay(): boolean {
    return this.#all.size > this.#refused.size;
  }

  /** When the first one that was refused is tried again; Infinity: none was. */
  get retryAt(): number {
    return this.#refused.nextAt;
  }

  due(now: number): Withdrawal[] {
    return [...this.#all].filter(([key]) => this.#refused.isDue(key, now));
  }

  /** Whether what was found comes from a registration that a client has removed here. */
  isRemoved(key: string, { isLocal, body }: FoundInstance): boolean {
    const registrationId = registrationIdOf(body);
    const removed = this.#all.get(key);
    return !isLocal && registrationId !== null && removed?.registrationIds.includes(registrationId) === true;
  }

  /** One was made. What was announced or removed meanwhile stays. */
  made([key, removed]: Withdrawal): void {
    if (this.#all.get(key) === removed) this.delete(key);
  }

  /** The backend does not make one. @returns whether that is new */
  refuse([key, removed]: Withdrawal, now: number, random: number): boolean {
    if (this.#all.get(key) !== removed || !this.#all.has(key)) return false;
    return this.#refused.add(key, now, random);
  }
}
