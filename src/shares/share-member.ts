// One process among the members: its membership, and what it lends and borrows of keys that are refused. It
// gets what was read from the store, and returns what is to be written there, in this order.
import { earlier, hasPassed, laterBy, longestBetween, type Moment, NEVER } from '../memory/rate/moment.js';
import { type DividedKey, memberHash, mostTimesSmaller } from '../memory/rate/share.js';
import { baseOf } from './division.js';
import { EPOCH, type Epoch, memberOf, parseEpoch } from './epoch.js';
import { type HotCounters, HotKeys } from './hot-keys.js';
import { LoanBook } from './loan-book.js';
import { BEAT_MS, HOLD_MS, Membership, type MembershipOptions, type ShareHolder } from './membership.js';
import { parseReport, type Report } from './report.js';
import type { StoredTexts } from './share-store.js';

/** What a member does with its share. */
export interface DividedHolder extends ShareHolder {
  /** It has these parts of some keys. */
  divide(keys: readonly DividedKey[]): void;
  /** Whether the part in a slot has not grown for this number of units of the clock of the rows. */
  isOld(slot: number, units: number): boolean;
}

export interface ShareMemberOptions extends MembershipOptions {
  readonly holder: DividedHolder;
  readonly counters: HotCounters;
  /** A random word of 32 bits. */
  readonly newWord: () => number;
  /** Whether the process of a name certainly has ended. */
  readonly hasEnded: (process: string) => boolean;
}

/** What is to be written. */
export interface ShareWrite {
  readonly name: string;
  readonly version: string | undefined;
  readonly text: string;
  /** To be called when it is about to be sent. */
  sending(now: Moment): void;
  /** To be called when it was stored, and only then. */
  stored(): void;
}

const REPORT = 'member/';
/**
 * What others lend is used for this time after they have shown that they are members. It is shorter than
 * HOLD_MS, so that it is returned before the share would end with it.
 */
const FRESH_MS = 80_000;

/** A member that has not been heard of for this time may have ended. */
const PRESENT_MS = 2 * BEAT_MS;

export class ShareMember {
  readonly #options: ShareMemberOptions;
  readonly #membership: Membership;
  readonly #hot: HotKeys;
  readonly #reports = new Reports();
  #book = new LoanBook();
  #ownUntil = NEVER;
  /** Until when the share may be used. */
  #until = NEVER;
  #isRetiring = false;
  /** What the process before this one has reported last as this member: no message can change it any more. */
  #inheritance: Report | undefined;
  /** The parts of this process were published since it has its share. */
  #isDivided = false;
  /** The names of the reports of those that were members at the last reading. */
  #listed: ReadonlySet<string> = new Set();

  constructor(options: ShareMemberOptions) {
    const { holder, newId, process, counters } = options;
    this.#options = options;
    this.#hot = new HotKeys(counters);
    this.#membership = new Membership({
      newId,
      process,
      holder: {
        hold: (share) => holder.hold(share),
        release: () => {
          this.#book = new LoanBook();
          this.#hot.clear();
          this.#inheritance = undefined;
          this.#isDivided = false;
          this.#ownUntil = NEVER;
          this.#until = NEVER;
          holder.release();
        },
        renew: (until) => {
          this.#ownUntil = until;
          this.#renew();
        },
      },
    });
  }

  /** Whether this process is a member that has a share as long as it renews that. */
  get isActive(): boolean {
    return this.#membership.isActive && this.#knowsLoans;
  }

  /** Whether this process may use a share now. */
  hasShare(now: Moment): boolean {
    return this.isActive && !hasPassed(this.#until, now);
  }

  /** Whether this process has a share that it could not renew in time. */
  hasExpired(now: Moment): boolean {
    return this.isActive && this.#hasBeaten && hasPassed(this.#until, now);
  }

  /** Whether it is known what others have of the share of this process. */
  get #knowsLoans(): boolean {
    return !this.#membership.isSuccessor || this.#isDivided;
  }

  /**
   * Texts were read.
   * @param askedAt when reading was begun @param now when they were there
   * @throws Error when the epoch is not one of this version
   */
  read(texts: StoredTexts, askedAt: Moment, now: Moment): readonly ShareWrite[] {
    const stored = texts.get(EPOCH);
    const epoch = stored === undefined ? this.#firstEpoch() : parseEpoch(stored.text);
    this.#listed = new Set(epoch.members.map(({ id }) => REPORT + id));
    const { hasEnded } = this.#options;
    const next = this.#membership.read(epoch, askedAt, now, {
      settle: () => this.#settle(epoch, texts, now),
      mayBeat: () => this.#knowsLoans,
      mayContinue: ({ id, process }) => hasEnded(process) && reportOf(id, texts) !== undefined,
    });
    const change = next === undefined ? [] : [this.#changed(next, stored?.version)];
    const inherited = this.#inherited(next ?? epoch, texts);
    if (inherited !== undefined) return [...change, inherited];
    const report = this.#reported(epoch, texts, now);
    // What was lent comes back by reports. Where each process ends right after its start, the member lapses
    // unless these come nearer to that.
    return this.#hasBeaten ? [...change, ...report] : [...report, ...change];
  }

  /** The names of texts that `read` was given last, of processes that are no members any more. */
  leftIn(texts: StoredTexts): readonly string[] {
    return [...texts.keys()].filter((name) => name.startsWith(REPORT) && !this.#listed.has(name));
  }

  /**
   * From now on nothing is lent, and what was lent is taken back.
   * @returns whether everything is back
   */
  retire(): boolean {
    this.#isRetiring = true;
    return this.#isComplete;
  }

  /**
   * Gives the share up: this process uses it no more, whatever becomes of the following.
   * @returns a function that removes it from an epoch, for the others to have its share at once; they have to
   *   wait for it while something of it is lent
   */
  leave(): (epoch: Epoch) => Epoch {
    const isComplete = this.#isComplete;
    const leave = this.#membership.leave();
    return isComplete ? leave : (epoch) => epoch;
  }

  #firstEpoch(): Epoch {
    const { newWord } = this.#options;
    return { number: 0, salt: [newWord(), newWord()], members: [] };
  }

  #changed(next: Epoch, version: string | undefined): ShareWrite {
    return {
      ...{ name: EPOCH, version, text: JSON.stringify(next) },
      sending: (at) => this.#membership.sending(at),
      stored: () => this.#membership.stored(next),
    };
  }

  /** Whether a beat of this process was stored since it is an active member. */
  get #hasBeaten(): boolean {
    return this.#ownUntil.monotonic > NEVER.monotonic;
  }

  /** Whether all of its share is here. One that was never active has nothing that it could lend. */
  get #isComplete(): boolean {
    return !this.#membership.isActive || (this.#knowsLoans && this.#book.isComplete);
  }

  /**
   * Brings parts up to date with what was read, and publishes them.
   * @returns whether the member may say that it knows of all newcomers
   */
  #settle(epoch: Epoch, texts: StoredTexts, moment: Moment): boolean {
    if (!this.#knowsLoans && !this.#inherit(moment)) return false;
    const { holder } = this.#options;
    const self = this.#membership.id;
    const now = moment.monotonic;
    const members = epoch.members.map(({ id }) => id);
    const reports = this.#reports.of(members, texts);
    this.#hot.update(
      [...reports].filter(([id]) => id !== self).map(([, report]) => report),
      now,
    );
    const keys = this.#hot.report(now);
    const own = memberOf(epoch, self)!;
    const mustReturn = this.#isRetiring || epoch.members.some(({ since }) => since > own.seen);
    const isWithin = (ms: number) => (id: string) =>
      longestBetween(this.#membership.freshAt(id), moment) < ms;
    const [isFresh, isPresent] = [isWithin(FRESH_MS), isWithin(PRESENT_MS)];
    const isWanted = (key: string): boolean => this.#hot.isWanted(key, now);
    const before = this.#book.lenders;
    this.#book.update({ self, members, isFresh, isPresent, reports, keys, isWanted, mustReturn });
    // While parts are changed, the share ends with what is borrowed before and after that.
    this.#renew(before);
    const maySee = !mustReturn || this.#book.isComplete;
    // Newcomers have nothing before this member has said that it knows of them. Until then its parts are
    // those without them, so that they are not smaller than what is lent.
    const sharing = maySee ? epoch.members : epoch.members.filter(({ since }) => since <= own.seen);
    holder.divide(
      this.#parts(
        sharing.map(({ id }) => id),
        self,
      ),
    );
    this.#isDivided = true;
    this.#renew();
    this.#hot.forget(
      now,
      (id, { slot, burst, interval }) =>
        !this.#book.has(id) && holder.isOld(slot, (mostTimesSmaller(burst, interval) + 1) * interval),
    );
    return maySee;
  }

  #parts(members: readonly string[], self: string): readonly DividedKey[] {
    const sorted = members.toSorted();
    const hashes = Int32Array.from(sorted, memberHash);
    const index = sorted.indexOf(self);
    return [...this.#hot.keys].map(([id, { low, high, slot, interval, burst }]) => {
      const { rate, permits } = this.#book.partOf(id, baseOf(id, burst, hashes, index));
      return { low, high, slot, interval, burst, isShare: !this.#book.has(id), rate, permits };
    });
  }

  /** @returns whether it is known what this member has lent; its keys are divided by that from now on */
  #inherit({ monotonic: now }: Moment): boolean {
    if (this.#inheritance === undefined) return false;
    this.#book = LoanBook.of(this.#inheritance);
    this.#hot.inherit(this.#inheritance, now);
    return true;
  }

  /**
   * Stores what the process before this one has reported once more, when this one goes on as that member.
   * So a late message of the other process finds another version, and others have what is in the report.
   */
  #inherited(epoch: Epoch, texts: StoredTexts): ShareWrite | undefined {
    const id = this.#membership.ownIn(epoch)?.id;
    const isSuccessor = this.#membership.isSuccessor || id !== this.#membership.id;
    if (id === undefined || !isSuccessor || this.#inheritance !== undefined) return undefined;
    const stored = texts.get(REPORT + id);
    return {
      ...{ name: REPORT + id, version: stored?.version, text: stored?.text ?? EMPTY_REPORT },
      sending: () => undefined,
      stored: () => {
        // Where another process goes on as that member, this report is of no concern here.
        if (this.#membership.id === id) this.#inheritance = reportOf(id, texts);
      },
    };
  }

  #reported(epoch: Epoch, texts: StoredTexts, { monotonic: now }: Moment): readonly ShareWrite[] {
    if (!this.isActive || this.#membership.ownIn(epoch) === undefined) return [];
    const name = REPORT + this.#membership.id;
    const stored = texts.get(name);
    const text = JSON.stringify(this.#book.report(this.#hot.report(now)));
    // There is nothing to report before the first key is refused somewhere.
    if (text === (stored?.text ?? EMPTY_REPORT)) return [];
    return [{ name, version: stored?.version, text, sending: () => undefined, stored: () => undefined }];
  }

  /** The share ends when what is borrowed might not be there any more. */
  #renew(others: readonly string[] = []): void {
    if (!this.#knowsLoans) return;
    const borrowed = [...this.#book.lenders, ...others].map((id) =>
      laterBy(HOLD_MS, this.#membership.freshAt(id)),
    );
    this.#until = borrowed.reduce(earlier, this.#ownUntil);
    this.#options.holder.renew(this.#until);
  }
}

const EMPTY_REPORT = JSON.stringify(new LoanBook().report(new Map()));

/** What a member has reported last; undefined when that cannot be read. */
const reportOf = (id: string, texts: StoredTexts): Report | undefined =>
  parseReport(texts.get(REPORT + id)?.text ?? EMPTY_REPORT);

/** The reports of members. A text is parsed when it has changed. */
class Reports {
  #parsed = new Map<string, { readonly version: string; readonly report: Report | undefined }>();

  of(members: readonly string[], texts: StoredTexts): ReadonlyMap<string, Report> {
    const reports = new Map<string, Report>();
    const parsed = new Map<string, { readonly version: string; readonly report: Report | undefined }>();
    for (const id of members) {
      const stored = texts.get(REPORT + id);
      if (stored === undefined) continue;
      const { version, text } = stored;
      const known = this.#parsed.get(id);
      const one = known?.version === version ? known : { version, report: parseReport(text) };
      parsed.set(id, one);
      if (one.report !== undefined) reports.set(id, one.report);
    }
    this.#parsed = parsed;
    return reports;
  }
}
