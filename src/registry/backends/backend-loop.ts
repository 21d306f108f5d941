// What all registries that processes share have in common: what this process announces, and what it knows of
// others. Over every new link everything is listed, and announced where it is missing. So what a process
// knows and what it has announced are right soon after every outage, whatever was lost in it.
import { registrationIdOf } from '../registration.js';
import type { Announced, BackendEvents, FoundInstance, RegistryBackend } from './backend.js';
import { LinkLoop, type Moment } from './link-loop.js';
import { SetAside } from './set-aside.js';

export type { BackendOptions } from './link-loop.js';

/** How often instances are renewed in their time. */
const RENEWALS = 3;
/** Instances of others that are known at most. The registry has room for fewer. */
export const MOST_KNOWN = 20_000;

/** The name of an instance in one text. */
export const keyOf = (service: string, id: string): string => `${service} ${id}`;

export function namesOf(key: string): readonly [service: string, id: string] {
  const end = key.indexOf(' ');
  return [key.slice(0, end), key.slice(end + 1)];
}

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

/** What another process has announced. */
interface Seen {
  readonly version: string | undefined;
  readonly registrationId: string | null;
}

/** What is to be withdrawn: a removal; or undefined for an instance that this process has no more. */
export type Withdrawal = readonly [key: string, removed: Removed | undefined];

export abstract class BackendLoop<Link> extends LinkLoop<Link, BackendEvents> implements RegistryBackend {
  abstract readonly kind: string;
  /** What this process announces. */
  protected readonly own = new Map<string, Announced>();
  protected readonly toAnnounce = new Set<string>();
  /**
   * Names of what this process serves that another process has announced since: its successor at the same
   * address. They are announced again when that one has left.
   */
  protected readonly ceded = new Set<string>();
  /** What is to be withdrawn, or removed. */
  protected readonly toWithdraw = new Map<string, Removed | undefined>();
  /**
   * The registrations of names that were announced; until then a process that starts takes the name of its
   * predecessor over.
   */
  readonly #announced = new Map<string, string | null>();
  /** Instances that the backend does not admit, and withdrawals that it does not make, now. */
  readonly #refused = new SetAside();
  readonly #refusedWithdrawals = new SetAside();
  /**
   * What others have announced: the instances that `found` was called with. One that this process takes over
   * stays among them until that is announced.
   */
  readonly #seen = new Map<string, Seen>();
  /** When the instances of this process are to be renewed. */
  protected renewAt = 0;

  /** Milliseconds until something is due, if nothing happens before. */
  protected dueInMs(): number {
    return this.renewAt - this.clock();
  }
  /** Whether an error means that the backend does not admit what it was given, and not that it is lost. */
  protected abstract isRefusal(error: unknown): boolean;

  announce(instance: Announced): void {
    const key = keyOf(instance.service, instance.id);
    if (this.#isPresent(key) && JSON.stringify(this.own.get(key)) === JSON.stringify(instance)) return;
    this.own.set(key, instance);
    this.#refused.delete(key);
    this.#noMoreToWithdraw(key);
    if (!this.ceded.has(key)) this.toAnnounce.add(key);
    this.wake();
  }

  withdraw(service: string, id: string): void {
    this.#withdraw(keyOf(service, id), undefined);
  }

  remove(service: string, id: string, registrationId: string | null, ttlSeconds: number): void {
    const key = keyOf(service, id);
    const seen = this.#seen.get(key);
    const before = seen?.registrationId ?? this.#announced.get(key) ?? null;
    const registrationIds = [...new Set([before, registrationId])].filter((one) => one !== null);
    this.#withdraw(key, { version: seen?.version, registrationIds, ttlSeconds, since: this.moment });
  }

  #withdraw(key: string, removed: Removed | undefined): void {
    this.#forget(key);
    this.#seen.delete(key);
    this.#refusedWithdrawals.delete(key);
    this.toWithdraw.set(key, removed);
    this.wake();
  }

  #noMoreToWithdraw(key: string): void {
    this.toWithdraw.delete(key);
    this.#refusedWithdrawals.delete(key);
  }

  #forget(key: string): void {
    this.own.delete(key);
    this.ceded.delete(key);
    this.#announced.delete(key);
    this.#refused.delete(key);
    this.toAnnounce.delete(key);
  }

  protected override nextInMs(): number {
    if (this.#isAnyUnderWay) return 0;
    const retryAt = Math.min(this.#refused.nextAt, this.#refusedWithdrawals.nextAt);
    return Math.min(this.dueInMs(), retryAt - this.clock());
  }

  /** Whether the instances of this process are to be renewed now, before all else. */
  protected get isRenewalDue(): boolean {
    return this.clock() >= this.renewAt;
  }

  /** The instances of this process are renewed, with jitter against many processes at once. */
  protected hasRenewed(): void {
    const jitter = 0.9 + 0.2 * this.random();
    this.renewAt = this.clock() + (this.ttlSeconds * 1000 * jitter) / RENEWALS;
  }

  /** Whether an instance of this process is in the backend, as far as is known. */
  #isPresent(key: string): boolean {
    return this.#announced.has(key) && !this.ceded.has(key) && !this.#refused.has(key);
  }

  get #isAnyUnderWay(): boolean {
    return this.toAnnounce.size > 0 || this.toWithdraw.size > this.#refusedWithdrawals.size;
  }

  /** How many instances of this process are in the backend; undefined while any is on its way. */
  protected get presentCount(): number | undefined {
    if (this.#isAnyUnderWay) return undefined;
    return [...this.own.keys()].filter((key) => this.#isPresent(key)).length;
  }

  /**
   * Everything that others have announced. Names among it that this process has are theirs from now on. After
   * an outage nothing is taken for gone until all have had the time to come back.
   */
  protected listed(others: readonly FoundInstance[]): void {
    const names = new Set(others.map(({ service, id }) => keyOf(service, id)));
    for (const key of this.ceded) if (!names.has(key)) this.ceded.delete(key);
    if (!this.mayBeIncomplete) {
      for (const key of this.#seen.keys()) if (!names.has(key)) this.#seen.delete(key);
      this.receiver?.listed(names);
    }
    for (const one of others) this.found(one);
  }

  /** Whether another process has announced an instance in this version, and it is known here. */
  protected isKnown(key: string, version: string): boolean {
    return this.#seen.get(key)?.version === version || this.toWithdraw.get(key)?.version === version;
  }

  /** Whether it comes from a registration that a client has removed here, which is not sent yet. */
  #isRemoved(key: string, { isLocal, body }: FoundInstance): boolean {
    const registrationId = registrationIdOf(body);
    const removed = this.toWithdraw.get(key);
    return !isLocal && registrationId !== null && removed?.registrationIds.includes(registrationId) === true;
  }

  /** One that another process has announced. */
  protected found(instance: FoundInstance): void {
    const { version } = instance;
    const key = keyOf(instance.service, instance.id);
    if (version !== undefined && this.isKnown(key, version)) return;
    if (this.#isRemoved(key, instance)) return;
    if (this.#seen.size >= MOST_KNOWN && !this.#seen.has(key)) return;
    if (!this.#giveUp(key, instance.isLocal)) return;
    this.#seen.set(key, { version, registrationId: registrationIdOf(instance.body) });
    this.receiver?.found(instance);
  }

  /** A client has removed it. What this process itself serves is announced again. */
  protected gone(key: string): void {
    const own = this.own.get(key);
    if (own?.isLocal === true) this.expired(key);
    // A client has registered it here, which is not announced yet.
    else if (!this.toAnnounce.has(key) || this.#isChange(key, own)) {
      this.#forget(key);
      this.#left(key, own !== undefined);
    }
  }

  /** Whether what is to be announced comes from a registration that was announced before. */
  #isChange(key: string, own: Announced | undefined): boolean {
    const registrationId = registrationIdOf(own?.body);
    const known = [this.#announced.get(key), this.#seen.get(key)?.registrationId];
    return registrationId !== null && known.includes(registrationId);
  }

  /**
   * It is not there any more, and no client has removed it: what this process has is announced again. Right
   * after an outage, in which its process could not renew it, that says nothing: the list at the end of this
   * time does.
   */
  protected expired(key: string): void {
    if (!this.own.has(key)) {
      if (!this.mayBeIncomplete && !this.isSlow) this.#left(key, false);
      else this.relinkAt = Math.min(this.relinkAt, this.clock() + this.ttlSeconds * 1000);
      return;
    }
    this.#seen.delete(key);
    this.ceded.delete(key);
    if (!this.#refused.has(key)) this.toAnnounce.add(key);
  }

  #left(key: string, wasOwn: boolean): void {
    if (this.#seen.delete(key) || wasOwn) this.receiver?.left(...namesOf(key));
  }

  /** The backend does not admit a change. */
  protected rejected(key: string, reason: string): void {
    this.receiver?.rejected(...namesOf(key), reason);
  }

  /** Announces everything that is not there. @param present the names of what this process has announced */
  protected announceMissing(present: ReadonlySet<string>): void {
    for (const key of this.own.keys())
      if (!present.has(key) && !this.ceded.has(key) && !this.#refused.has(key)) this.toAnnounce.add(key);
    for (const key of present)
      if (!this.own.has(key) && !this.toWithdraw.has(key)) this.toWithdraw.set(key, undefined);
  }

  /** Instances of this process are announced. */
  protected hasAnnounced(instances: Iterable<Announced>): void {
    for (const { service, id, body } of instances) {
      const key = keyOf(service, id);
      this.#refused.delete(key);
      this.#seen.delete(key);
      if (this.own.has(key)) this.#announced.set(key, registrationIdOf(body));
    }
  }

  /** Takes what is to be announced now, in the order of the names. */
  protected takeDue(): Announced[] {
    for (const key of this.#refused.due(this.clock())) this.toAnnounce.add(key);
    const keys = [...this.toAnnounce].toSorted();
    this.toAnnounce.clear();
    return keys.map((key) => this.own.get(key)).filter((one) => one !== undefined);
  }

  /** What is to be withdrawn now. */
  protected withdrawalsDue(): Withdrawal[] {
    const now = this.clock();
    return [...this.toWithdraw].filter(([key]) => this.#refusedWithdrawals.isDue(key, now));
  }

  /**
   * Announces instances. Those that the backend does not admit are set aside, and keep no others out. When a
   * renewal is due, the rest is left to the next turn.
   * @param instances divided into parts that the backend can take at once
   * @throws Error when the backend cannot be reached; what was not sent is to be announced again
   */
  protected async send(
    instances: readonly (readonly Announced[])[],
    post: (part: readonly Announced[]) => Promise<void>,
  ): Promise<void> {
    const left = new Set(instances.flat());
    try {
      await this.#sendParts(
        instances,
        async (part) => {
          await post(part);
          for (const one of part) left.delete(one);
        },
        (one, reason) => {
          left.delete(one);
          this.refuse(keyOf(one.service, one.id), reason);
        },
      );
    } finally {
      this.#announceAgain(left);
    }
  }

  /**
   * As `send`, for withdrawals.
   * @param post returns those that are to be sent again
   */
  protected async sendWithdrawals(
    withdrawals: readonly (readonly Withdrawal[])[],
    post: (part: readonly Withdrawal[]) => Promise<readonly Withdrawal[]>,
  ): Promise<void> {
    await this.#sendParts(
      withdrawals,
      async (part) => {
        const again = new Set(await post(part));
        for (const one of part) {
          const [key, removed] = one;
          // What was announced or removed meanwhile stays.
          if (!again.has(one) && this.toWithdraw.get(key) === removed) this.#noMoreToWithdraw(key);
        }
      },
      ([key, removed], reason) => {
        if (this.toWithdraw.get(key) !== removed || !this.toWithdraw.has(key)) return;
        if (this.#refusedWithdrawals.add(key, this.clock(), this.random())) this.rejected(key, reason);
      },
    );
  }

  /** Divides parts that the backend refuses, until one item alone is refused. */
  async #sendParts<T>(
    items: readonly (readonly T[])[],
    post: (part: readonly T[]) => Promise<void>,
    refused: (item: T, reason: string) => void,
  ): Promise<void> {
    const parts = items.toReversed();
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (part.length === 0) continue;
      try {
        await post(part);
      } catch (error) {
        if (!this.isRefusal(error)) throw error;
        const half = part.length >> 1;
        if (half > 0) {
          parts.push(part.slice(half), part.slice(0, half));
          continue;
        }
        refused(part[0]!, (error as Error).message);
      }
      if (this.isRenewalDue) return;
    }
  }

  #announceAgain(instances: Iterable<Announced>): void {
    for (const { service, id } of instances)
      if (this.own.has(keyOf(service, id))) this.toAnnounce.add(keyOf(service, id));
  }

  /**
   * Sets an instance of this process aside, which the backend does not admit, until it is tried again.
   * @param afterMs the least wait @default 5000, and twice the last one after that
   */
  protected refuse(key: string, reason: string, afterMs?: number): void {
    if (!this.own.has(key)) return;
    if (this.#refused.add(key, this.clock(), this.random(), afterMs)) this.rejected(key, reason);
  }

  /** An instance has left. What was refused of its service, perhaps because of it, is announced at once. */
  protected freed(service: string): void {
    for (const key of this.#refused.keys()) {
      if (namesOf(key)[0] !== service) continue;
      this.#refused.delete(key);
      this.toAnnounce.add(key);
    }
  }

  /**
   * Another process has announced an instance.
   * @param isTheirs that process serves it itself
   * @returns false when it stays that of this process: a client has changed it here, which is not announced
   *   yet, or a predecessor had it, which this process takes over soon
   */
  #giveUp(key: string, isTheirs: boolean): boolean {
    const own = this.own.get(key);
    if (own?.isLocal === true) {
      if (!this.#announced.has(key)) return false;
      // A stranger's is written over.
      if (!isTheirs) this.toAnnounce.add(key);
      else {
        this.ceded.add(key);
        this.#refused.delete(key);
        this.toAnnounce.delete(key);
      }
      return true;
    }
    if (own !== undefined && this.toAnnounce.has(key) && !isTheirs) return false;
    this.#forget(key);
    return true;
  }
}
