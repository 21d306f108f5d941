// A process of the simulation: the real protocol, the real page and the real cells, with a clock that runs at
// a speed of its own, and a wall clock that goes on while the monotonic one stops.
import { Block } from '#src/memory/block.js';
import { ClusterRates } from '#src/memory/rate/cluster-rates.js';
import { type Moment, momentClock } from '#src/memory/rate/moment.js';
import type { RateCells } from '#src/memory/rate/rate-table.js';
import { SharePage } from '#src/memory/rate/share-page.js';
import { hotCounters } from '#src/primary/limit-shares.js';
import { EPOCH, parseEpoch } from '#src/shares/epoch.js';
import { parseReport } from '#src/shares/report.js';
import { type DividedHolder, ShareMember, type ShareWrite } from '#src/shares/share-member.js';
import type { StoredTexts } from '#src/shares/share-store.js';
import type { LedgerTerms } from './ledger.js';
import type { Network } from './network.js';
import type { Timeline } from './timeline.js';

/** A fault that is planted into every process. */
export interface Fault {
  /** Replaces what the protocol does with the share. */
  readonly holder?: (
    holder: DividedHolder,
    world: {
      readonly block: Block;
      readonly timeline: Timeline;
      readonly now: () => Moment;
      /** Whether a member was another process before. */
      readonly isInherited: (id: string) => boolean;
    },
  ) => DividedHolder;
  /** Replaces what the protocol wants to be stored, and what it believes was stored. */
  readonly write?: (write: ShareWrite, process: SimProcess) => ShareWrite;
  /** Replaces what the protocol believes to have read. */
  readonly texts?: (texts: StoredTexts, process: SimProcess) => StoredTexts;
  /** Replaces what is known of the process of a name. */
  readonly hasEnded?: () => boolean;
  /** Replaces the time at which the protocol believes to be told of something. */
  readonly now?: (now: Moment) => Moment;
}

export interface SimProcessOptions {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly random: () => number;
  readonly limits: readonly LedgerTerms[];
  readonly newId: () => string;
  readonly name: string;
  /** Whether the process of a name was killed on the machine of this one. */
  readonly hasEnded: (name: string) => boolean;
  readonly fault: Fault;
  readonly buckets: number | undefined;
}

const BUSY_MS = 250;
const IDLE_MS = 500;
const RETIRE_TURNS = 4;
/** After 2038. */
const WALL_AT_START = 2_200_000_000_000;
/** Clocks run too fast or too slow by at most this. */
const DRIFT = 500e-6;

export class SimProcess {
  readonly cells: readonly RateCells[];
  readonly member: ShareMember;
  /** No message passes. */
  isCut = false;
  /** None of its threads runs. */
  isPaused = false;
  isKilled = false;
  /** Its beat is on its way to the store, or the response from there. */
  isBeating = false;
  /** How often it has begun to report that it lends something else. */
  changesOfLoans = 0;
  /** No requests come. */
  isIdle = false;
  readonly #options: SimProcessOptions;
  readonly #block: Block;
  readonly #speed: number;
  readonly #ids: string[] = [];
  /** What it has reported to lend. */
  #lent: string | undefined;
  readonly #startedAt: number;
  /** Turns in which what is lent may come back, of a process that leaves. */
  #turnsLeft: number | undefined;
  /** How long its machine was suspended. */
  #suspendedMs = 0;
  /** What has come while it was paused. */
  #waiting: (() => void)[] = [];

  constructor(options: SimProcessOptions) {
    const { timeline, random, limits, fault, buckets, name: process } = options;
    this.#options = options;
    this.#block = Block.create({ workers: 1, ...(buckets === undefined ? {} : { rateBuckets: buckets }) });
    this.#speed = 1 + DRIFT * (2 * random() - 1);
    this.#startedAt = timeline.now;
    const page = new SharePage(this.#block, this.clock);
    const world = { block: this.#block, timeline, now: this.#now, isInherited: this.#isInherited };
    this.member = new ShareMember({
      ...{ holder: fault.holder?.(page, world) ?? page, process },
      newId: this.#newId,
      counters: hotCounters(this.#block, () => undefined),
      newWord: () => Math.floor(random() * 2 ** 31),
      hasEnded: fault.hasEnded ?? options.hasEnded,
    });
    const rates = new ClusterRates({
      block: this.#block,
      clock: this.clock,
      wallClock: this.wallClock,
      slot: 1,
    });
    this.cells = limits.map(({ perSecond, burst }, n) => rates.limit(`limit ${n}`, 1_000 / perSecond, burst));
    this.#turn();
  }

  get name(): string {
    return this.#options.name;
  }

  get isLeaving(): boolean {
    return this.#turnsLeft !== undefined;
  }

  /** It stops while the machine is suspended. */
  readonly clock = (): number => this.#elapsed - this.#suspendedMs * this.#speed + 1_000;

  readonly wallClock = (): number => this.#elapsed + WALL_AT_START;

  readonly #now = momentClock(this.clock, this.wallClock);

  readonly #newId = (): string => {
    const id = this.#options.newId();
    this.#ids.push(id);
    return id;
  };

  readonly #isInherited = (id: string): boolean => !this.#ids.includes(id);

  get #elapsed(): number {
    return (this.#options.timeline.now - this.#startedAt) * this.#speed;
  }

  /** @param suspendedMs how long its machine was suspended: its threads were only paused else */
  resume(suspendedMs = 0): void {
    this.#suspendedMs += suspendedMs;
    this.isPaused = false;
    for (const act of this.#waiting.splice(0)) act();
  }

  /** Gives its share up in order: takes back what is lent, and leaves. */
  leave(): void {
    this.isIdle = true;
    this.#turnsLeft ??= RETIRE_TURNS;
  }

  #leaveNow(): void {
    const leave = this.member.leave();
    this.isKilled = true;
    const { network } = this.#options;
    const isCut = (): boolean => this.isCut;
    const nothing = (): void => undefined;
    const attempt = (left: number): void => {
      const have = (texts: StoredTexts): void => {
        const stored = texts.get(EPOCH);
        if (stored === undefined) return;
        const write = {
          name: EPOCH,
          version: stored.version,
          text: JSON.stringify(leave(parseEpoch(stored.text))),
        };
        network.replace(isCut, write, (isStored) => isStored || attempt(left - 1), nothing);
      };
      if (left > 0) network.read(isCut, have, nothing);
    };
    attempt(3);
  }

  #turn(): void {
    if (this.#turnsLeft !== undefined && (this.member.retire() || this.#turnsLeft-- === 0)) {
      this.#leaveNow();
      return;
    }
    const askedAt = this.#now();
    const { fault } = this.#options;
    const have = this.#then((stored: StoredTexts) => {
      const now = this.#now();
      const texts = fault.texts?.(stored, this) ?? stored;
      const writes = this.member.read(texts, askedAt, fault.now?.(now) ?? now);
      this.#write(writes, writes.length > 0 ? BUSY_MS : IDLE_MS);
    });
    this.#options.network.read(
      () => this.isCut,
      have,
      this.#then(() => this.#again(BUSY_MS)),
    );
  }

  /** Writes one after the other, and then waits for the next turn. */
  #write([first, ...rest]: readonly ShareWrite[], pauseMs: number): void {
    if (first === undefined) {
      this.#again(pauseMs);
      return;
    }
    const { network, fault } = this.#options;
    const write = fault.write?.(first, this) ?? first;
    write.sending(this.#now());
    this.isBeating = write.name === EPOCH;
    if (!this.isBeating) this.#reports(write.text);
    const done = this.#then((isStored: boolean) => {
      this.isBeating = false;
      if (isStored) write.stored();
      this.#write(rest, pauseMs);
    });
    network.replace(
      () => this.isCut,
      write,
      done,
      this.#then(() => this.#again(BUSY_MS)),
    );
  }

  #reports(text: string): void {
    const lent = JSON.stringify(parseReport(text)?.lent.to);
    if (lent !== this.#lent) this.changesOfLoans += 1;
    this.#lent = lent;
  }

  #again(ms: number): void {
    this.#options.timeline.in(
      ms * (0.8 + 0.4 * this.#options.random()),
      this.#then(() => this.#turn()),
    );
  }

  /** A process that was killed does nothing any more, and one that is paused does it afterwards. */
  #then<A extends unknown[]>(act: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      if (this.isKilled) return;
      if (this.isPaused) this.#waiting.push(() => act(...args));
      else act(...args);
    };
  }
}
