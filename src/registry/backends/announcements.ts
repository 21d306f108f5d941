// What this process announces in a shared registry, and how far each announcement is: due, announced,
// refused, or ceded to another process.
import { registrationIdOf } from '../registration.js';
import { MOST_REGISTRATIONS } from '../removals.js';
import type { Announced } from './backend.js';
import { keyOf, namesOf } from './instance-key.js';
import { SetAside } from './set-aside.js';

/** An instance that has expired is looked at again after this time, in milliseconds. */
const RENEWED_WITHIN_MS = 1_000;

export class Announcements {
  readonly #instances = new Map<string, Announced>();
  readonly #due = new Set<string>();
  /**
   * Names of what this process serves that another process has announced since: its successor at the same
   * address. They are announced again when that one has left.
   */
  readonly #ceded = new Set<string>();
  /**
   * The registrations of names that were announced; until then a process that starts takes the name of its
   * predecessor over.
   */
  readonly #announced = new Map<string, string | null>();
  /** The registrations of names that were sent since, of which it is not known whether they have arrived. */
  readonly #sent = new Map<string, readonly (string | null)[]>();
  /** Instances that the backend does not admit now, and those that have expired. */
  readonly #refused = new SetAside();

  get(key: string): Announced | undefined {
    return this.#instances.get(key);
  }

  has(key: string): boolean {
    return this.#instances.has(key);
  }

  /** @returns whether that is new, or a change */
  set(key: string, instance: Announced): boolean {
    if (this.#isPresent(key) && JSON.stringify(this.#instances.get(key)) === JSON.stringify(instance))
      return false;
    this.#instances.set(key, instance);
    this.#refused.delete(key);
    if (!this.#ceded.has(key)) this.#due.add(key);
    return true;
  }

  delete(key: string): void {
    this.#instances.delete(key);
    this.#ceded.delete(key);
    this.#announced.delete(key);
    this.#sent.delete(key);
    this.#refused.delete(key);
    this.#due.delete(key);
  }

  /** Whether one is in the backend, as far as is known. */
  #isPresent(key: string): boolean {
    return this.#announced.has(key) && !this.#ceded.has(key) && !this.#refused.has(key);
  }

  /** How many are in the backend, as far as is known. */
  get presentCount(): number {
    return [...this.#instances.keys()].filter((key) => this.#isPresent(key)).length;
  }

  isDue(key: string): boolean {
    return this.#due.has(key);
  }

  get isAnyDue(): boolean {
    return this.#due.size > 0;
  }

  /** When the first one that was refused is tried again; Infinity: none was. */
  get retryAt(): number {
    return this.#refused.nextAt;
  }

  /** Takes what is to be announced now, in the order of the names. */
  takeDue(now: number): Announced[] {
    for (const key of this.#refused.due(now)) this.#due.add(key);
    const keys = [...this.#due].toSorted();
    this.#due.clear();
    const due: Announced[] = [];
    for (const key of keys) {
      const one = this.#instances.get(key);
      if (one?.isExpired()) this.#refused.add(key, now, 0, RENEWED_WITHIN_MS);
      else if (one !== undefined) due.push(one);
    }
    for (const { service, id, body } of due) this.#noteSent(keyOf(service, id), registrationIdOf(body));
    return due;
  }

  #noteSent(key: string, registrationId: string | null): void {
    const before = this.#sent.get(key) ?? [];
    if (before.includes(registrationId)) return;
    this.#sent.set(key, [registrationId, ...before].slice(0, MOST_REGISTRATIONS));
  }

  /** One that was due is still to be announced. */
  again(key: string): void {
    if (this.#instances.has(key)) this.#due.add(key);
  }

  /** One was announced. */
  arrived(key: string, body: unknown): void {
    this.#refused.delete(key);
    this.#sent.delete(key);
    if (this.#instances.has(key)) this.#announced.set(key, registrationIdOf(body));
  }

  /** Whether the backend may have an instance of this process under a name. */
  mayBePresent(key: string): boolean {
    return this.#announced.has(key) || this.#sent.has(key);
  }

  /** The registrations under a name that may be in the backend, the newest ones first. */
  idsOf(key: string): readonly string[] {
    const ids = [...(this.#sent.get(key) ?? []), this.#announced.get(key) ?? null];
    return ids.filter((one) => one !== null);
  }

  /**
   * Sets one aside that the backend does not admit, until it is tried again.
   * @param afterMs as in `SetAside`
   * @returns whether that is new
   */
  refuse(key: string, now: number, random: number, afterMs?: number): boolean {
    return this.#instances.has(key) && this.#refused.add(key, now, random, afterMs);
  }

  /** An instance has left. What was refused of its service, perhaps because of it, is announced at once. */
  freed(service: string): void {
    for (const key of this.#refused.keys()) {
      if (namesOf(key)[0] !== service) continue;
      this.#refused.delete(key);
      this.#due.add(key);
    }
  }

  /** Announces everything that is not there. @param present the names of what this process has announced */
  announceMissing(present: ReadonlySet<string>): void {
    for (const key of this.#instances.keys())
      if (!present.has(key) && !this.#ceded.has(key) && !this.#refused.has(key)) this.#due.add(key);
  }

  /** One is not in the backend any more. */
  expired(key: string): void {
    this.#ceded.delete(key);
    if (!this.#refused.has(key)) this.#due.add(key);
  }

  /** What was ceded to processes that have left is not ceded any more. @param others the names of others */
  listed(others: ReadonlySet<string>): void {
    for (const key of this.#ceded) if (!others.has(key)) this.#ceded.delete(key);
  }

  /**
   * Another process has announced an instance.
   * @param isTheirs that process serves it itself
   * @returns false when it stays that of this process: a client has changed it here, which is not announced
   *   yet, or a predecessor had it, which this process takes over soon
   */
  giveUp(key: string, isTheirs: boolean): boolean {
    const own = this.#instances.get(key);
    if (own?.isLocal === true) {
      if (!this.#announced.has(key)) return false;
      // A stranger's is written over.
      if (!isTheirs) this.#due.add(key);
      else {
        this.#ceded.add(key);
        this.#refused.delete(key);
        this.#due.delete(key);
      }
      return true;
    }
    if (own !== undefined && this.#due.has(key) && !isTheirs) return false;
    this.delete(key);
    return true;
  }
}
