// What all registries that processes share have in common: what this process announces, and a loop over one
// link to the backend, which does what is due, one thing after the other. When the link is lost or anything
// fails, another link is made, over which everything is listed, and announced where it is missing. So what a
// process knows and what it has announced are right soon after every outage, whatever was lost in it.
import { type Schedule, timers } from '../schedule.js';
import type { Announced, BackendEvents, FoundInstance, RegistryBackend } from './backend.js';

/** The longest wait before the next attempt to connect. */
const MOST_BACKOFF_MS = 1_000;
const FIRST_BACKOFF_MS = 100;
const TTL_SECONDS = 15;
/** What is due takes longer than this only when the backend does not respond. */
const SLOW_MS = 1_000;
/** How often instances are renewed in their time. */
const RENEWALS = 3;

export interface BackendOptions {
  /** Names this process; no other one has the same. */
  readonly owner: string;
  /** Seconds after which instances of a process that does not renew them have left. @default 15 */
  readonly ttlSeconds?: number;
  readonly random: () => number;
  /** Monotonic milliseconds. @default performance.now() */
  readonly clock?: () => number;
  /** @default timers of Node */
  readonly schedule?: Schedule;
}

/** The name of an instance in one text. */
export const keyOf = (service: string, id: string): string => `${service} ${id}`;

export function namesOf(key: string): readonly [service: string, id: string] {
  const end = key.indexOf(' ');
  return [key.slice(0, end), key.slice(end + 1)];
}

export abstract class BackendLoop<Link> implements RegistryBackend {
  abstract readonly kind: string;
  /** What this process announces. */
  protected readonly own = new Map<string, Announced>();
  protected readonly toAnnounce = new Set<string>();
  /**
   * Names of what this process serves that another process has announced since: its successor at the same
   * address. They are announced again when that one has left.
   */
  protected readonly ceded = new Set<string>();
  /** What is to be removed, and whether also when another process has announced it. */
  protected readonly toWithdraw = new Map<string, boolean>();
  /** Names that were announced; until then a process that starts takes the name of its predecessor over. */
  readonly #announced = new Set<string>();
  /** Names that the backend does not admit. They are tried again over the next link. */
  protected readonly refused = new Set<string>();
  /** When another link is to be made though this one works. */
  protected relinkAt = Number.POSITIVE_INFINITY;
  /** The end of the time in which other processes have had no chance to announce what they serve again. */
  #completeAt = 0;
  /** As in `BackendOptions`. */
  protected readonly owner: string;
  protected readonly ttlSeconds: number;
  /** When the instances of this process are to be renewed. */
  protected renewAt = 0;
  protected readonly clock: () => number;
  readonly #schedule: Schedule;
  readonly #random: () => number;
  #events: BackendEvents | undefined;
  #link: Link | undefined;
  #running: Promise<void> | undefined;
  /** When the loop has begun what was due last, and when it has ended that. */
  #begunAt = 0;
  #endedAt = 0;
  #isClosing = false;
  #failures = 0;
  #cancelTimer = (): void => undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(options: BackendOptions) {
    const { owner, ttlSeconds = TTL_SECONDS, random, schedule = timers } = options;
    const { clock = () => performance.now() } = options;
    this.owner = owner;
    this.ttlSeconds = ttlSeconds;
    this.clock = clock;
    this.#schedule = schedule;
    this.#random = random;
  }

  /** Makes a link. @throws Error when the backend cannot be reached */
  protected abstract connect(): Promise<Link>;
  /** Does what is due. @throws Error when the link is of no use any more */
  protected abstract work(link: Link): Promise<void>;
  /** Milliseconds until something is due, if nothing happens before. */
  protected dueInMs(): number {
    return this.renewAt - this.clock();
  }
  /** Whether an error means that the backend does not admit what it was given, and not that it is lost. */
  protected abstract isRefusal(error: unknown): boolean;
  /** Ends a link. @param isLast also what was announced through it. Never rejects */
  protected abstract end(link: Link, isLast: boolean): Promise<void>;

  start(events: BackendEvents): void {
    this.#events = events;
    this.wake();
  }

  announce(instance: Announced): void {
    const key = keyOf(instance.service, instance.id);
    this.own.set(key, instance);
    this.refused.delete(key);
    this.toWithdraw.delete(key);
    if (!this.ceded.has(key)) this.toAnnounce.add(key);
    this.wake();
  }

  withdraw(service: string, id: string): void {
    this.#remove(keyOf(service, id), false);
  }

  remove(service: string, id: string): void {
    this.#remove(keyOf(service, id), true);
  }

  #remove(key: string, ofOthers: boolean): void {
    this.own.delete(key);
    this.ceded.delete(key);
    this.#announced.delete(key);
    this.refused.delete(key);
    this.toAnnounce.delete(key);
    this.toWithdraw.set(key, ofOthers);
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#cancelTimer();
    await this.#running;
    const link = this.#link;
    this.#link = undefined;
    if (link !== undefined) await this.end(link, true);
  }

  /** Something is due, at the latest after `ms`. What is due earlier stays so. */
  protected wake(ms = 0): void {
    if (this.#isClosing || this.#running !== undefined || this.#events === undefined) return;
    const at = this.clock() + ms;
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#cancelTimer();
    this.#cancelTimer = this.#schedule(ms, () => this.#begin());
  }

  #begin(): void {
    if (this.#wasStalled) {
      this.#expectMore();
      this.relinkAt = 0;
    }
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#begunAt = this.clock();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#endedAt = this.clock();
      this.wake(this.#pauseMs());
    });
  }

  /** The instances of this process are renewed, with jitter against many processes at once. */
  protected hasRenewed(): void {
    const jitter = 0.9 + 0.2 * this.#random();
    this.renewAt = this.clock() + (this.ttlSeconds * 1000 * jitter) / RENEWALS;
  }

  /** Whether processes that were cut off may not have announced their instances again yet. */
  protected get mayBeIncomplete(): boolean {
    return this.clock() < this.#completeAt || this.#wasStalled;
  }

  /** Whether this process was stopped for so long that it may have missed an outage. */
  get #wasStalled(): boolean {
    return this.clock() - this.#wakeAt > this.ttlSeconds * 1000;
  }

  /**
   * Whether the backend did not respond for a while just now. It may have hung, and end leases when it goes
   * on, before it reads that they are renewed.
   */
  get #isSlow(): boolean {
    const now = this.clock();
    const endedAt = this.#running === undefined ? this.#endedAt : now;
    return endedAt - this.#begunAt > SLOW_MS && now - endedAt < SLOW_MS;
  }

  /** Other processes were cut off as well, and come back at other times. */
  #expectMore(): void {
    this.#completeAt = this.clock() + this.ttlSeconds * 1000;
  }

  /** The link has ended by itself. */
  protected lost(link: Link, error: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#hasFailed(error);
    void this.end(link, false);
    this.wake(this.#pauseMs());
  }

  /**
   * Everything that others have announced. Names among it that this process has are theirs from now on. After
   * an outage nothing is taken for gone until all have had the time to come back.
   */
  protected listed(others: readonly FoundInstance[]): void {
    this.ceded.clear();
    const theirs = others.filter(({ service, id }) => this.#giveUp(keyOf(service, id)));
    if (!this.mayBeIncomplete) this.#events?.listed(theirs);
    else for (const one of theirs) this.#events?.found(one);
  }

  /** One that another process has announced. */
  protected found(instance: FoundInstance): void {
    if (this.#giveUp(keyOf(instance.service, instance.id))) this.#events?.found(instance);
  }

  /**
   * It was removed. What this process itself serves is announced again. Right after an outage, in which its
   * process could not renew it, that says nothing: the list at the end of this time does.
   */
  protected gone(key: string): void {
    const own = this.own.get(key);
    if (own?.isLocal === true) {
      this.ceded.delete(key);
      this.toAnnounce.add(key);
      return;
    }
    if (own === undefined && (this.mayBeIncomplete || this.#isSlow)) {
      this.relinkAt = Math.min(this.relinkAt, this.clock() + this.ttlSeconds * 1000);
      return;
    }
    if (this.#giveUp(key)) this.#events?.left(...namesOf(key));
  }

  /** The backend does not admit an instance of this process. */
  protected rejected(key: string, reason: string): void {
    this.#events?.rejected(...namesOf(key), reason);
  }

  /** Announces everything that is not there. @param present the names of what this process has announced */
  protected announceMissing(present: ReadonlySet<string>): void {
    for (const key of this.own.keys())
      if (!present.has(key) && !this.ceded.has(key) && !this.refused.has(key)) this.toAnnounce.add(key);
    for (const key of present) if (!this.own.has(key)) this.toWithdraw.set(key, false);
  }

  /** Instances of this process are announced. */
  protected hasAnnounced(instances: Iterable<Announced>): void {
    for (const { service, id } of instances) this.#announced.add(keyOf(service, id));
  }

  /** Takes what is to be announced now, in the order of the names. */
  protected takeDue(): Announced[] {
    const keys = [...this.toAnnounce].toSorted();
    this.toAnnounce.clear();
    return keys.map((key) => this.own.get(key)).filter((one) => one !== undefined);
  }

  /**
   * Announces instances. Those that the backend does not admit are set aside, and keep no others out.
   * @param instances divided into parts that the backend can take at once
   * @throws Error when the backend cannot be reached; what was not sent is to be announced again
   */
  protected async send(
    instances: readonly (readonly Announced[])[],
    post: (part: readonly Announced[]) => Promise<void>,
  ): Promise<void> {
    const parts = instances.toReversed();
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (part.length === 0) continue;
      try {
        await post(part);
      } catch (error) {
        if (!this.isRefusal(error)) {
          for (const { service, id } of [...part, ...parts.flat()]) this.#announceAgain(keyOf(service, id));
          throw error;
        }
        const half = part.length >> 1;
        if (half > 0) parts.push(part.slice(half), part.slice(0, half));
        else this.#refuse(part[0]!, error as Error);
      }
    }
  }

  #announceAgain(key: string): void {
    if (this.own.has(key)) this.toAnnounce.add(key);
  }

  #refuse({ service, id }: Announced, { message }: Error): void {
    const key = keyOf(service, id);
    if (!this.own.has(key)) return;
    this.refused.add(key);
    this.rejected(key, message);
  }

  /**
   * Another process has announced an instance.
   * @returns false when it stays that of this process: a client has changed it here, which is not announced
   *   yet
   */
  #giveUp(key: string): boolean {
    if (this.own.get(key)?.isLocal === true) {
      if (!this.#announced.has(key)) return true;
      this.ceded.add(key);
    } else {
      if (this.toAnnounce.has(key)) return false;
      this.own.delete(key);
    }
    this.toAnnounce.delete(key);
    return true;
  }

  async #run(): Promise<void> {
    try {
      const link = await this.#linked();
      if (this.#isClosing) return;
      await this.work(link);
      if (this.#failures > 0) this.#events?.available();
      this.#failures = 0;
    } catch (error) {
      await this.#failed(error as Error);
    }
  }

  async #linked(): Promise<Link> {
    const old = this.#link;
    if (old !== undefined && this.clock() < this.relinkAt) return old;
    this.#link = undefined;
    this.relinkAt = Number.POSITIVE_INFINITY;
    if (old !== undefined) await this.end(old, false);
    this.refused.clear();
    if (this.#failures > 0) this.#expectMore();
    const link = await this.connect();
    if (this.mayBeIncomplete) this.relinkAt = Math.min(this.relinkAt, this.#completeAt);
    this.#link = link;
    return link;
  }

  #pauseMs(): number {
    if (this.#failures > 0) {
      const most = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MOST_BACKOFF_MS);
      return this.#random() * most;
    }
    if (this.toAnnounce.size + this.toWithdraw.size > 0) return 0;
    return Math.max(0, Math.min(this.dueInMs(), this.relinkAt - this.clock()));
  }

  #hasFailed(error: Error): void {
    if (this.#failures === 0) this.#events?.unavailable(error);
    this.#failures += 1;
  }

  async #failed(error: Error): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#hasFailed(error);
    if (link !== undefined) await this.end(link, false);
  }
}
