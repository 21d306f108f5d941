// What all registries that processes share have in common: what this process announces, and a loop over one
// link to the backend, which does what is due, one thing after the other. When the link is lost or anything
// fails, another link is made, over which everything is listed and announced again. So what a process knows
// and what it has announced are right soon after every outage, whatever was lost in it.
import type { Announced, BackendEvents, FoundInstance, RegistryBackend } from './backend.js';

/** The longest wait before the next attempt to connect. */
const MOST_BACKOFF_MS = 1_000;
const FIRST_BACKOFF_MS = 100;

/** The name of an instance in one text. */
export const keyOf = (service: string, id: string): string => `${service} ${id}`;

export function namesOf(key: string): readonly [service: string, id: string] {
  const [service = '', id = ''] = key.split(' ');
  return [service, id];
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
  readonly #random: () => number;
  #events: BackendEvents | undefined;
  #link: Link | undefined;
  #isRunning = false;
  #isClosing = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Makes a link. @throws Error when the backend cannot be reached */
  protected abstract connect(): Promise<Link>;
  /** Does what is due. @throws Error when the link is of no use any more */
  protected abstract work(link: Link): Promise<void>;
  /** Milliseconds until something is due, if nothing happens before. */
  protected abstract dueInMs(): number;
  /** Ends a link. @param isLast also what was announced through it. Never rejects */
  protected abstract end(link: Link, isLast: boolean): Promise<void>;

  start(events: BackendEvents): void {
    this.#events = events;
    this.wake();
  }

  announce(instance: Announced): void {
    const key = keyOf(instance.service, instance.id);
    this.own.set(key, instance);
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
    this.toAnnounce.delete(key);
    this.toWithdraw.set(key, ofOthers);
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    const link = this.#link;
    this.#link = undefined;
    if (link !== undefined) await this.end(link, true);
  }

  /** Something is due, at the latest after `ms`. */
  protected wake(ms = 0): void {
    if (this.#isClosing || this.#isRunning || this.#events === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), ms).unref();
  }

  /** The link has ended by itself. */
  protected lost(link: Link, error: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#hasFailed(error);
    void this.end(link, false);
    this.wake();
  }

  /** Everything that others have announced. Names among it that this process has are theirs from now on. */
  protected listed(others: readonly FoundInstance[]): void {
    this.ceded.clear();
    for (const { service, id } of others) this.#giveUp(keyOf(service, id));
    this.#events?.listed(others);
  }

  /** One that another process has announced. */
  protected found(instance: FoundInstance): void {
    this.#giveUp(keyOf(instance.service, instance.id));
    this.#events?.found(instance);
  }

  /** It was removed. What this process itself serves is announced again. */
  protected gone(key: string): void {
    if (this.own.get(key)?.isLocal === true) {
      this.ceded.delete(key);
      this.toAnnounce.add(key);
      return;
    }
    this.#giveUp(key);
    this.#events?.left(...namesOf(key));
  }

  /** The backend does not admit an instance of this process. */
  protected rejected(key: string, reason: string): void {
    this.#events?.rejected(...namesOf(key), reason);
  }

  /** Announces everything that is not there. @param present the names of what this process has announced */
  protected announceMissing(present: ReadonlySet<string>): void {
    for (const key of this.own.keys())
      if (!present.has(key) && !this.ceded.has(key)) this.toAnnounce.add(key);
    for (const key of present) if (!this.own.has(key)) this.toWithdraw.set(key, false);
  }

  /** Instances of this process are announced. */
  protected hasAnnounced(keys: Iterable<string>): void {
    for (const key of keys) this.#announced.add(key);
  }

  #giveUp(key: string): void {
    if (this.own.get(key)?.isLocal !== true) this.own.delete(key);
    else if (this.#announced.has(key)) this.ceded.add(key);
    else return;
    this.toAnnounce.delete(key);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      this.#link ??= await this.connect();
      const link = this.#link;
      if (this.#isClosing) {
        this.#link = undefined;
        await this.end(link, true);
      } else {
        await this.work(link);
        if (this.#failures > 0) this.#events?.available();
        this.#failures = 0;
      }
    } catch (error) {
      await this.#failed(error as Error);
    } finally {
      this.#isRunning = false;
      this.wake(this.#pauseMs());
    }
  }

  #pauseMs(): number {
    if (this.#failures > 0) {
      const most = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MOST_BACKOFF_MS);
      return this.#random() * most;
    }
    return this.toAnnounce.size + this.toWithdraw.size > 0 ? 0 : Math.max(0, this.dueInMs());
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
    // What was taken from the lists may not have arrived.
    this.announceMissing(new Set());
  }
}
