// What all registries that processes share have in common: what this process announces, and what it knows of
// others. Over every new link everything is listed, and announced where it is missing. So what a process
// knows and what it has announced are right soon after every outage, whatever was lost in it.
import { registrationIdOf } from '../registration.js';
import type { Reach } from '../removals.js';
import { Announcements } from './announcements.js';
import type { Announced, BackendEvents, FoundInstance, RegistryBackend } from './backend.js';
import { keyOf, namesOf } from './instance-key.js';
import { LinkLoop } from './link-loop.js';
import { sendParts } from './send-parts.js';
import { type Removed, type Withdrawal, Withdrawals } from './withdrawals.js';

export type { BackendOptions } from './link-loop.js';

/** How often instances are renewed in their time. */
const RENEWALS = 3;
/** Instances of others that are known at most. The registry has room for fewer. */
export const MOST_KNOWN = 20_000;

/** What another process has announced. */
interface Seen {
  readonly version: string | undefined;
  readonly registrationId: string | null;
}

export abstract class BackendLoop<Link> extends LinkLoop<Link, BackendEvents> implements RegistryBackend {
  abstract readonly kind: string;
  /** What this process announces. */
  protected readonly own = new Announcements();
  /** What is to be withdrawn, or removed. */
  protected readonly toWithdraw = new Withdrawals((key) =>
    this.rejected(key, 'more instances wait to be removed than a registry has'),
  );
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
    if (!this.own.set(key, instance)) return;
    this.toWithdraw.announced(key);
    this.wake();
  }

  withdraw(service: string, id: string): void {
    const key = keyOf(service, id);
    const mayBePresent = this.own.mayBePresent(key);
    this.#forget(key);
    if (!mayBePresent) return;
    this.toWithdraw.withdraw(key);
    this.wake();
  }

  remove(service: string, id: string, registrationId: string | null, ttlSeconds: number): void {
    const key = keyOf(service, id);
    const seen = this.#seen.get(key);
    // One that was registered here, and was never sent, is known here only.
    const isKnown = seen !== undefined || this.own.mayBePresent(key);
    const current = this.own.has(key) ? this.own.idsOf(key) : [registrationId];
    const ids = [...new Set([...current, seen?.registrationId ?? null])];
    this.#forget(key);
    if (!isKnown) return;
    const registrationIds = ids.filter((one) => one !== null);
    this.toWithdraw.remove(key, { version: seen?.version, registrationIds, ttlSeconds, since: this.moment });
    this.wake();
  }

  #forget(key: string): void {
    this.own.delete(key);
    this.#seen.delete(key);
  }

  /** What a removal that is sent now removes. */
  protected reachOf(key: string, { since }: Removed): Reach {
    // It was registered here again meanwhile.
    if (this.own.has(key)) return 'known';
    return this.isPrompt(since) ? 'all' : 'own';
  }

  protected override nextInMs(): number {
    if (this.#isAnyUnderWay) return 0;
    const retryAt = Math.min(this.own.retryAt, this.toWithdraw.retryAt);
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

  get #isAnyUnderWay(): boolean {
    return this.own.isAnyDue || this.toWithdraw.isAnyUnderWay;
  }

  /** How many instances of this process are in the backend; undefined while any is on its way. */
  protected get presentCount(): number | undefined {
    return this.#isAnyUnderWay ? undefined : this.own.presentCount;
  }

  /**
   * Everything that others have announced. Names among it that this process has are theirs from now on. After
   * an outage nothing is taken for gone until all have had the time to come back.
   * @param isComplete false when there were more than are read, so others may be there as well
   */
  protected listed(others: readonly FoundInstance[], isComplete = true): void {
    const names = new Set(others.map(({ service, id }) => keyOf(service, id)));
    if (isComplete) this.own.listed(names);
    if (isComplete && !this.mayBeIncomplete) {
      for (const key of this.#seen.keys()) if (!names.has(key)) this.#seen.delete(key);
      this.receiver?.listed(names);
    }
    for (const one of others) this.found(one);
  }

  /** Whether another process has announced an instance in this version, and it is known here. */
  protected isKnown(key: string, version: string): boolean {
    return this.#seen.get(key)?.version === version || this.toWithdraw.get(key)?.version === version;
  }

  /** What others have announced in such versions is not known any more, so that it is read again. */
  protected forgetVersions(isForgotten: (version: string) => boolean): void {
    for (const [key, seen] of this.#seen)
      if (isForgotten(seen.version ?? '')) this.#seen.set(key, { ...seen, version: undefined });
  }

  /** One that another process has announced. */
  protected found(instance: FoundInstance): void {
    const { version } = instance;
    const key = keyOf(instance.service, instance.id);
    if (version !== undefined && this.isKnown(key, version)) return;
    // The removal is not sent yet.
    if (this.toWithdraw.isRemoved(key, instance)) return;
    if (this.#seen.size >= MOST_KNOWN && !this.#seen.has(key)) return;
    if (!this.own.giveUp(key, instance.isLocal)) return;
    this.#seen.set(key, { version, registrationId: registrationIdOf(instance.body) });
    this.receiver?.found(instance);
  }

  /** A client has removed it. What this process itself serves is announced again. */
  protected gone(key: string): void {
    const own = this.own.get(key);
    if (own?.isLocal === true) this.expired(key);
    // A client has registered it here, which is not announced yet.
    else if (!this.own.isDue(key) || this.#isChange(key, own)) {
      this.own.delete(key);
      this.#left(key, own !== undefined);
    }
  }

  /** A client has removed a registration. What is there by now may be another one. */
  protected removed(key: string, registrationId: string): void {
    const ids = [registrationIdOf(this.own.get(key)?.body), this.#seen.get(key)?.registrationId];
    if (ids.includes(registrationId)) this.gone(key);
  }

  /** Whether what is to be announced comes from a registration that was announced before. */
  #isChange(key: string, own: Announced | undefined): boolean {
    const registrationId = registrationIdOf(own?.body);
    const known = [...this.own.idsOf(key), this.#seen.get(key)?.registrationId];
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
    this.own.expired(key);
  }

  #left(key: string, wasOwn: boolean): void {
    if (this.#seen.delete(key) || wasOwn) this.receiver?.left(...namesOf(key));
  }

  /** The backend does not admit a change. */
  protected rejected(key: string, reason: string): void {
    this.receiver?.rejected(...namesOf(key), reason);
  }

  /** Announces and withdraws what is not as it should be. @param present what this process has announced */
  protected announceMissing(present: ReadonlySet<string>): void {
    this.own.announceMissing(present);
    for (const key of present)
      if (!this.own.has(key) && !this.toWithdraw.has(key)) this.toWithdraw.withdraw(key);
  }

  /** Instances of this process are announced. */
  protected hasAnnounced(instances: Iterable<Announced>): void {
    for (const { service, id, body } of instances) {
      const key = keyOf(service, id);
      this.#seen.delete(key);
      this.own.arrived(key, body);
    }
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
    const posted = async (part: readonly Announced[]): Promise<void> => {
      await post(part);
      for (const one of part) left.delete(one);
    };
    const refused = (one: Announced, reason: string): void => {
      left.delete(one);
      this.refuse(keyOf(one.service, one.id), reason);
    };
    try {
      await this.#sendParts(instances, posted, refused);
    } finally {
      for (const { service, id } of left) this.own.again(keyOf(service, id));
    }
  }

  /**
   * As `send`, for withdrawals.
   * @param post returns those that are to be sent again
   */
  protected sendWithdrawals(
    withdrawals: readonly (readonly Withdrawal[])[],
    post: (part: readonly Withdrawal[]) => Promise<readonly Withdrawal[]>,
  ): Promise<void> {
    const posted = async (part: readonly Withdrawal[]): Promise<void> => {
      const again = new Set(await post(part));
      for (const one of part) if (!again.has(one)) this.toWithdraw.made(one);
    };
    const refused = (one: Withdrawal, reason: string): void => {
      if (this.toWithdraw.refuse(one, this.clock(), this.random())) this.rejected(one[0], reason);
    };
    return this.#sendParts(withdrawals, posted, refused);
  }

  #sendParts<T>(
    items: readonly (readonly T[])[],
    post: (part: readonly T[]) => Promise<void>,
    refused: (item: T, reason: string) => void,
  ): Promise<void> {
    const isRefusal = (error: unknown): boolean => this.isRefusal(error);
    return sendParts(items, { post, refused, isRefusal, isOver: () => this.isRenewalDue });
  }

  /**
   * Sets an instance of this process aside, which the backend does not admit, until it is tried again.
   * @param afterMs the least wait @default 5000, and twice the last one after that
   */
  protected refuse(key: string, reason: string, afterMs?: number): void {
    if (this.own.refuse(key, this.clock(), this.random(), afterMs)) this.rejected(key, reason);
  }
}
