// A loop over one link to a backend, which does what is due, one thing after the other. When the link is lost
// or anything fails, another one is made, with growing pauses. One lost link is no outage: that is what it is
// called when the next attempt fails as well.
import { type Schedule, timers } from '../schedule.js';

/** The longest wait before the next attempt to connect. */
const MOST_BACKOFF_MS = 1_000;
const FIRST_BACKOFF_MS = 100;
/** When a planned link cannot be made, the one that works is kept for this time. */
const KEEP_LINK_MS = 5_000;
const TTL_SECONDS = 15;
/** Ends nothing. */
const NEVER = new AbortController().signal;
/** What is due takes longer than this only when the backend does not respond. */
const SLOW_MS = 1_000;
/**
 * After the backend did not respond, another process may wait for this time until it gives a request up and
 * can renew its instances.
 */
const SLOW_FOR_MS = 6_000;

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

/** When something was to be sent; `losses` is undefined when there was no link. */
export interface Moment {
  readonly at: number;
  readonly losses: number | undefined;
}

export interface OutageEvents {
  available(): void;
  unavailable(error: Error): void;
}

export abstract class LinkLoop<Link, Events extends OutageEvents> {
  /** When another link is to be made though this one works. */
  protected relinkAt = Number.POSITIVE_INFINITY;
  /** As in `BackendOptions`. */
  protected readonly owner: string;
  protected readonly ttlSeconds: number;
  protected readonly random: () => number;
  protected readonly clock: () => number;
  readonly #schedule: Schedule;
  protected receiver: Events | undefined;
  #link: Link | undefined;
  #running: Promise<void> | undefined;
  #isClosing = false;
  /** How often a link was lost. */
  #losses = 0;
  /** Links that were lost, and attempts that have failed, since work was done for the last time. */
  #failures = 0;
  /** When the link was made, and when work was done over it for the last time; 0: never. */
  #linkedAt = 0;
  #workedAt = 0;
  /** The begin and the end of the time in which other processes may not be back after an outage. */
  #graceBegan = 0;
  #completeAt = 0;
  /** When the loop has begun what was due last. */
  #begunAt = 0;
  /** The end of the time in which the backend counts as slow, although it responds again. */
  #slowUntil = 0;
  #cancelTimer = (): void => undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(options: BackendOptions) {
    const { owner, ttlSeconds = TTL_SECONDS, random, schedule = timers } = options;
    const { clock = () => performance.now() } = options;
    this.owner = owner;
    this.ttlSeconds = ttlSeconds;
    this.random = random;
    this.clock = clock;
    this.#schedule = schedule;
  }

  /** Makes a link. @throws Error when the backend cannot be reached */
  protected abstract connect(): Promise<Link>;
  /** Does what is due. @throws Error when the link is of no use any more */
  protected abstract work(link: Link): Promise<void>;
  /** Milliseconds until something is due, if nothing happens before. */
  protected abstract nextInMs(): number;
  /** Ends a link. @param isLast also what was announced through it. Never rejects */
  protected abstract end(link: Link, isLast: boolean): Promise<void>;
  /** Cuts a link: what is under way over it fails at once. */
  protected abstract cut(link: Link): void;

  start(events: Events): void {
    this.receiver = events;
    this.wake();
  }

  /** As `RegistryBackend.close`. */
  async close(signal: AbortSignal = NEVER): Promise<void> {
    this.#isClosing = true;
    this.#cancelTimer();
    await new Promise<void>((resolve) => {
      const cut = (): void => {
        if (this.#link !== undefined) this.cut(this.#link);
        resolve();
      };
      if (signal.aborted) cut();
      signal.addEventListener('abort', cut, { once: true });
      void this.#leave(signal).then(() => {
        signal.removeEventListener('abort', cut);
        resolve();
      });
    });
  }

  /** Ends the link when what is under way has ended. */
  async #leave(signal: AbortSignal): Promise<void> {
    await this.#running;
    const link = this.#link;
    if (link !== undefined && !signal.aborted) await this.end(link, true);
    // It was made while the loop was ended.
    else if (link !== undefined) this.cut(link);
    this.#link = undefined;
  }

  /** Something is due, at the latest after `ms`. What is due earlier stays so. */
  protected wake(ms = 0): void {
    if (this.#isClosing || this.#running !== undefined || this.receiver === undefined) return;
    const at = this.clock() + ms;
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#cancelTimer();
    this.#cancelTimer = this.#schedule(ms, () => this.#begin());
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
   * on, before it reads that they are renewed, or before the processes whose requests are lost send others.
   */
  protected get isSlow(): boolean {
    const now = this.clock();
    return now < this.#slowUntil || (this.#running !== undefined && now - this.#begunAt > SLOW_MS);
  }

  /** What is to be sent now. */
  protected get moment(): Moment {
    return { at: this.clock(), losses: this.#link === undefined ? undefined : this.#losses };
  }

  /** Whether what was to be sent at a moment is sent without much delay, and over the same link. */
  protected isPrompt({ at, losses }: Moment): boolean {
    return losses === this.#losses && this.clock() - at < SLOW_MS;
  }

  /** The link has ended by itself. */
  protected lost(link: Link, error: Error): void {
    if (this.#link !== link || this.#isClosing) return;
    this.#link = undefined;
    this.#hasFailed(error);
    void this.end(link, false);
    this.wake(this.#pauseMs());
  }

  /** Makes the planned link in place of one that works. @returns the old one when there is no other */
  protected async relink(old: Link): Promise<Link> {
    let link: Link;
    try {
      link = await this.connect();
    } catch (error) {
      if (this.#link !== old) throw error;
      this.relinkAt = this.clock() + KEEP_LINK_MS;
      return old;
    }
    await this.end(old, false);
    return link;
  }

  #begin(): void {
    if (this.#wasStalled) {
      this.#beginGrace();
      this.relinkAt = 0;
    }
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#begunAt = this.clock();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      const now = this.clock();
      if (now - this.#begunAt > SLOW_MS) this.#slowUntil = now + SLOW_FOR_MS;
      this.wake(this.#pauseMs());
    });
  }

  async #run(): Promise<void> {
    try {
      const link = await this.#linked();
      if (this.#isClosing) return;
      await this.work(link);
      // It was lost while it still did what was due.
      if (this.#link !== link) return;
      if (this.#failures > 1) this.receiver?.available();
      this.#failures = 0;
      this.#workedAt = this.clock();
    } catch (error) {
      await this.#failed(error as Error);
    }
  }

  async #linked(): Promise<Link> {
    const old = this.#link;
    if (old !== undefined && this.clock() < this.relinkAt) return old;
    this.relinkAt = Number.POSITIVE_INFINITY;
    if (this.#failures > 0) this.#beginGrace();
    const link = old === undefined ? await this.connect() : await this.relink(old);
    if (this.mayBeIncomplete) this.relinkAt = Math.min(this.relinkAt, this.#completeAt);
    if (old === undefined) this.#linkedAt = this.clock();
    this.#link = link;
    return link;
  }

  /**
   * Other processes were cut off as well, and come back at other times. Where links are lost all the time,
   * this ends nevertheless.
   */
  #beginGrace(): void {
    const now = this.clock();
    const ttl = this.ttlSeconds * 1000;
    const wasStable = now - this.#workedAt > ttl || this.#workedAt - this.#linkedAt > ttl;
    if (wasStable || this.#graceBegan === 0) this.#graceBegan = now;
    this.#completeAt = Math.min(now, this.#graceBegan + 2 * ttl) + ttl;
  }

  #pauseMs(): number {
    if (this.#failures > 0) {
      const most = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MOST_BACKOFF_MS);
      return this.random() * most;
    }
    return Math.max(0, Math.min(this.nextInMs(), this.relinkAt - this.clock()));
  }

  #hasFailed(error: Error): void {
    this.#failures += 1;
    this.#losses += 1;
    if (this.#failures === 2) this.receiver?.unavailable(error);
  }

  async #failed(error: Error): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#hasFailed(error);
    if (link !== undefined) await this.end(link, false);
  }
}
