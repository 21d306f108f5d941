// What is to be withdrawn from a shared registry: removals by clients, and instances that this process has no
// more.
import { registrationIdOf } from '../registration.js';
import { longerRemembered, MOST_REGISTRATIONS } from '../removals.js';
import type { FoundInstance } from './backend.js';
import type { Moment } from './link-loop.js';
import { SetAside } from './set-aside.js';

/** The removal of an instance by a client, and what was known of the instance. */
export interface Removed {
  /** The version that another process has announced. */
  readonly version: string | undefined;
  /** Those that were announced under its name, as far as is known, the newest ones first. */
  readonly registrationIds: readonly string[];
  /** That of its registration. */
  readonly ttlSeconds: number;
  readonly since: Moment;
}

/** What is to be withdrawn: a removal; or undefined for an instance that this process has no more. */
export type Withdrawal = readonly [key: string, removed: Removed | undefined];

/** Withdrawals that wait at most: more than a registry has room for. */
export const MOST_WAITING = 20_000;

export class Withdrawals {
  readonly #all = new Map<string, Removed | undefined>();
  /** Withdrawals that the backend does not make now. */
  readonly #refused = new SetAside();
  readonly #dropped: (key: string) => void;

  /** @param dropped called for the oldest one when more wait than `MOST_WAITING` */
  constructor(dropped: (key: string) => void) {
    this.#dropped = dropped;
  }

  get(key: string): Removed | undefined {
    return this.#all.get(key);
  }

  has(key: string): boolean {
    return this.#all.has(key);
  }

  /** A client has removed one. What is known of a removal before, which was not made yet, stays so. */
  remove(key: string, removed: Removed): void {
    const before = this.#all.get(key);
    const ids = new Set([...removed.registrationIds, ...(before?.registrationIds ?? [])]);
    this.#set(key, {
      ...removed,
      version: removed.version ?? before?.version,
      registrationIds: [...ids].slice(0, MOST_REGISTRATIONS),
      ttlSeconds: longerRemembered(removed.ttlSeconds, before?.ttlSeconds ?? removed.ttlSeconds),
    });
  }

  /** This process has no more what it has announced. A removal of that name ends it, when made after this. */
  withdraw(key: string): void {
    const removed = this.#all.get(key);
    this.#set(key, removed === undefined ? undefined : { ...removed });
  }

  /** This process announces an instance. What clients have removed before it is removed nevertheless. */
  announced(key: string): void {
    if (this.#all.get(key) === undefined) this.#delete(key);
  }

  #set(key: string, removed: Removed | undefined): void {
    this.#delete(key);
    this.#all.set(key, removed);
    if (this.#all.size <= MOST_WAITING) return;
    const [oldest] = this.#all.keys();
    this.#delete(oldest!);
    this.#dropped(oldest!);
  }

  #delete(key: string): void {
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

  /** @param most the oldest ones, so that what else is due does not wait for all */
  due(now: number, most: number): Withdrawal[] {
    const due: Withdrawal[] = [];
    for (const one of this.#all) {
      if (due.length === most) break;
      if (this.#refused.isDue(one[0], now)) due.push(one);
    }
    return due;
  }

  /** Whether what was found comes from a registration that a client has removed here. */
  isRemoved(key: string, { isLocal, body }: FoundInstance): boolean {
    const registrationId = registrationIdOf(body);
    const removed = this.#all.get(key);
    return !isLocal && registrationId !== null && removed?.registrationIds.includes(registrationId) === true;
  }

  /** One was made. What was announced or removed meanwhile stays. */
  made([key, removed]: Withdrawal): void {
    if (this.#all.get(key) === removed) this.#delete(key);
  }

  /** The backend does not make one. @returns whether that is new */
  refuse([key, removed]: Withdrawal, now: number, random: number): boolean {
    if (this.#all.get(key) !== removed || !this.#all.has(key)) return false;
    return this.#refused.add(key, now, random);
  }
}
