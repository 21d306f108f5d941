// Keeps the share of this process in limits over several processes: reads what the members have written from
// the store a few times a second, and writes what the protocol asks for (share-member.ts). A turn is one
// reading and at most three writings, so there are at most sixteen messages per second.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Countdown } from '../countdown.js';
import type { Moment } from '../memory/rate/moment.js';
import { EPOCH, type Epoch, parseEpoch } from './epoch.js';
import { HOLD_MS, LAPSE_MS } from './membership.js';
import type { ShareMember } from './share-member.js';
import type { ShareStore, StoredTexts } from './share-store.js';

/** The pause between two turns when something has changed, and when nothing has. */
const BUSY_MS = 250;
const IDLE_MS = 500;
/** The longest pause after failures. */
const MOST_BACKOFF_MS = 1_000;
/** How often it is looked whether the time of the share is over: a turn may wait longer for the registry. */
const LOOK_MS = 1_000;
/** The pause while no limit needs a share. */
const UNUSED_MS = 1_000;
/** Attempts to give the share up at the end, for the others to have it at once. */
const LEAVE_ATTEMPTS = 3;
/** Turns at the end in which what is lent may come back. */
const RETIRE_TURNS = 4;
/**
 * How long giving the share up may take: without the registry the others have it when it has lapsed. The
 * process needs the rest of its time, for one to be taken off the list of instances.
 */
const GIVING_UP = { atMostMs: 1_500, reserveMs: 2_100, atLeastMs: 40 };

const WAITING = `no share of limits over several processes yet; that of a process killed elsewhere lapses after ${LAPSE_MS / 1_000} s`;

const EXPIRED = `the share of limits over several processes has run out: it could not be renewed in the registry for ${HOLD_MS / 1_000} s`;

export interface ShareLoopOptions {
  readonly store: ShareStore;
  readonly member: ShareMember;
  /** The clocks that the share is held by. */
  readonly clock: () => Moment;
  /** Whether this process has limits over several processes. It joins when that becomes true. */
  readonly isNeeded: () => boolean;
  readonly random: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Called for each message to the store. */
  readonly onMessage: () => void;
  /** Called when this process has a share from now on, and when it has none any more. */
  readonly onShare: (hasShare: boolean) => void;
}

export class ShareLoop {
  readonly #options: ShareLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #hasShare = false;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isClosing = false;
  /** The store is closed: nothing is sent any more. */
  #isOver = false;
  #failures = 0;
  #hasWritten = false;
  readonly #waiting: (() => void)[] = [];

  constructor(options: ShareLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#pause(0);
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** For people, while this process has no share though it needs one. */
  get waiting(): string | undefined {
    const { isNeeded, member, clock } = this.#options;
    if (!isNeeded() || member.hasShare(clock())) return undefined;
    return member.hasExpired(clock()) ? EXPIRED : WAITING;
  }

  /** Resolves when this process has the share that it needs, at the latest after `withinMs`. */
  async settled(withinMs: number): Promise<void> {
    if (this.waiting === undefined) return;
    this.#pause(0);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
  }

  /**
   * Gives the share up, as far as the registry responds. Never rejects.
   * @param countdown the time that is left for this process
   */
  async close(countdown: Pick<Countdown, 'ends'>): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    const isGivenUp = await countdown.ends(this.#giveUp(), GIVING_UP);
    this.#isOver = true;
    const closed = this.#options.store.close();
    // A registry that does not respond does not end the connection either.
    if (isGivenUp) await closed;
  }

  async #giveUp(): Promise<void> {
    await this.#running;
    if (!this.#hasWritten) return;
    const ignored = (): void => undefined;
    await this.#retire().catch(ignored);
    await this.#leave(this.#options.member.leave()).catch(ignored);
  }

  /** Sends a message to the store. @throws Error when there is no response, or the store is closed */
  #send<T>(message: (store: ShareStore) => Promise<T>): Promise<T> {
    if (this.#isOver) throw new Error('the store is closed');
    this.#options.onMessage();
    return message(this.#options.store);
  }

  /** Begins the next turn after a pause, unless one is running: it is followed by the next one anyway. */
  #pause(ms: number): void {
    if (this.#isClosing || this.#isRunning) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isRunning = true;
      this.#running = this.#turn().then((pauseMs) => {
        this.#isRunning = false;
        this.#pause(pauseMs);
      });
    }, ms).unref();
  }

  /** @returns the pause until the next turn, in milliseconds */
  async #turn(): Promise<number> {
    if (!this.#options.isNeeded()) return UNUSED_MS;
    try {
      const hasChanged = await this.#exchange();
      if (this.#failures > 0) this.#options.log.info('limits over several processes: the registry is back');
      this.#failures = 0;
      return hasChanged ? BUSY_MS : IDLE_MS;
    } catch (error) {
      return this.#failed(error as Error);
    }
  }

  /** @returns whether something has changed, or has to be done soon */
  async #exchange(): Promise<boolean> {
    const { member, clock } = this.#options;
    const askedAt = clock();
    const texts = await this.#send((store) => store.read());
    const writes = member.read(texts, askedAt, clock());
    for (const write of writes) {
      this.#hasWritten = true;
      write.sending(clock());
      const { name, version, text } = write;
      if (await this.#send((store) => store.replace(name, version, text))) write.stored();
    }
    await this.#clean(texts);
    this.#look();
    if (this.#hasShare) for (const resolve of this.#waiting.splice(0)) resolve();
    return writes.length > 0 || !this.#hasShare;
  }

  /** Notices that the process has a share, or that the time of it is over. */
  #look(): void {
    const { member, clock, log, onShare } = this.#options;
    const hasShare = member.hasShare(clock());
    if (hasShare === this.#hasShare) return;
    this.#hasShare = hasShare;
    onShare(hasShare);
    if (member.hasExpired(clock())) log.warn(EXPIRED);
  }

  /** Removes what a process that is no member any more has left: one text in a turn. */
  async #clean(texts: StoredTexts): Promise<void> {
    const [name] = this.#options.member.leftIn(texts);
    if (name === undefined) return;
    await this.#send((store) => store.remove(name, texts.get(name)!.version));
  }

  #failed(error: Error): number {
    const { log, random } = this.#options;
    if (this.#failures === 0 && !this.#isOver) {
      const text =
        'limits over several processes: the registry cannot be used; the share is kept for a while';
      log.warn({ err: error }, text);
    }
    this.#failures += 1;
    return BUSY_MS + random() * Math.min(BUSY_MS * this.#failures, MOST_BACKOFF_MS - BUSY_MS);
  }

  /** What is lent comes back first, if that is possible soon. */
  async #retire(): Promise<void> {
    const { member } = this.#options;
    for (let turn = 0; turn < RETIRE_TURNS && !member.retire(); turn++) {
      await this.#exchange();
      await delay(BUSY_MS);
    }
  }

  /** @param leave removes this process from an epoch */
  async #leave(leave: (epoch: Epoch) => Epoch): Promise<void> {
    for (let attempt = 0; attempt < LEAVE_ATTEMPTS; attempt++) {
      const stored = (await this.#send((store) => store.read())).get(EPOCH);
      if (stored === undefined) return;
      const epoch = parseEpoch(stored.text);
      const rest = leave(epoch);
      if (rest === epoch) return;
      const text = JSON.stringify(rest);
      if (await this.#send((store) => store.replace(EPOCH, stored.version, text))) return;
    }
  }
}
