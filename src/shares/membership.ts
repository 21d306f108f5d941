// The protocol by which one process comes to its share, keeps it and gives it back, without a clock, a timer
// or a connection of its own: it is told what was read and written, and when. docs/cluster-limits.md has the
// proof. Its steps rely on these rules:
//
// - The members that this process divides limits with (its view) contain every process that may admit
//   anything. It takes a newcomer into its view before it says so in the store, and a newcomer becomes active
//   only after that. It drops a member from its view only when the store lists it no more.
// - It uses its share for HOLD_MS after it began to write its beat, if that was written, by both of its
//   clocks: the monotonic one stops while the machine is suspended, and the wall clock may be set.
// - It removes another member only when the beat of that member has not changed for LAPSE_MS since it was
//   read, by its own monotonic clock, and does so on condition that it is still the same. No time of another
//   machine is compared. One that is not active has no share that others would have to leave to it, so it is
//   removed after WAIT_MS: a process that ends again and again while it starts must not divide the limits.
// - It goes on as the member that another process was, if that certainly has ended: a process that ends again
//   and again is one member. That changes no beat, so that a member lapses whose processes all end at once.
//   The beat that it writes first is its own, and so is its time: before that it uses nothing.
import { laterBy, longestBetween, type Moment, NEVER } from '../memory/rate/moment.js';
import {
  type Epoch,
  type Member,
  MOST_MEMBERS,
  mayBecomeActive,
  memberOf,
  withMember,
  withNewcomer,
  without,
} from './epoch.js';

/** How long other processes leave its share to a member that they hear nothing of. */
export const LAPSE_MS = 90_000;
/**
 * How long a member uses its share without having renewed it. It is shorter than LAPSE_MS by a second, for
 * clocks whose speeds differ by one percent.
 */
export const HOLD_MS = 89_000;
/** How often a member renews its share. */
export const BEAT_MS = 5_000;
/** How long a newcomer that nothing is heard of is waited for. If it lives, it joins again. */
export const WAIT_MS = 2 * BEAT_MS;
/**
 * After this time without having read anything, a member begins anew to wait for the others: they may have
 * been cut off from the store as well.
 */
export const BLIND_MS = 10_000;

/** What a member does with its share. */
export interface ShareHolder {
  /** It has a share among these members. */
  hold(share: {
    readonly members: readonly string[];
    readonly self: string;
    readonly salt: readonly [number, number];
  }): void;
  /** It may use its share until one of its clocks shows that. */
  renew(until: Moment): void;
  /** It has no share. */
  release(): void;
}

export interface MembershipOptions {
  readonly holder: ShareHolder;
  /** Makes a name that no process has had before: sixteen hexadecimal digits. */
  readonly newId: () => string;
  /** The name of this process, which no other one has. */
  readonly process: string;
}

/** What is asked when an epoch was read. */
export interface MembershipQuestions {
  /**
   * Called when the view is up to date and the process has a share.
   * @returns whether it may say that it knows of newcomers
   */
  readonly settle: () => boolean;
  /** Asked then: whether this process knows what it has of that share, so that its beats may renew it. */
  readonly mayBeat: () => boolean;
  /** Whether a member is a process that has ended, as which this one may go on. */
  readonly mayContinue: (member: Member) => boolean;
}

interface Observed {
  readonly beat: number;
  /** When this beat was read first. */
  readonly at: Moment;
}

export class Membership {
  readonly #holder: ShareHolder;
  readonly #newId: () => string;
  readonly #process: string;
  #id: string;
  #isSuccessor = false;
  #isActive = false;
  /** The epoch that was read last with this process in it; 0 while it is not listed. */
  #number = 0;
  #view = '';
  #beat = 0;
  /** When the last beat that was written was begun to be written. */
  #renewedAt = NEVER;
  /** When the beat was begun to be written that is being written; it may be stored without a response. */
  #sentAt = NEVER;
  #readAt = NEVER;
  readonly #observed = new Map<string, Observed>();
  /** When the last beat of each of the others certainly was not stored yet. */
  readonly #freshAt = new Map<string, Moment>();
  #askedAt = NEVER;
  /** Names that this process has had, and uses no more. */
  #former: readonly string[] = [];

  constructor({ holder, newId, process }: MembershipOptions) {
    this.#holder = holder;
    this.#newId = newId;
    this.#process = process;
    this.#id = newId();
  }

  /** Whether this process has a share. */
  get isActive(): boolean {
    return this.#isActive;
  }

  get id(): string {
    return this.#id;
  }

  /** Whether this process goes on as the member that another one was. */
  get isSuccessor(): boolean {
    return this.#isSuccessor;
  }

  /** The member that this process is. A name under which it has given its share up counts no more. */
  ownIn({ members }: Epoch): Member | undefined {
    return members.find(({ id, process }) => process === this.#process && !this.#former.includes(id));
  }

  /**
   * A time at which the beat that was read last of another process was not stored yet: it is a member for
   * LAPSE_MS after that at least.
   */
  freshAt(id: string): Moment {
    return this.#freshAt.get(id) ?? NEVER;
  }

  /**
   * An epoch was read.
   * @param askedAt when its reading was begun @param now when it was there
   * @returns what is to be stored in its place, at once; undefined when nothing is to be changed
   */
  read(
    epoch: Epoch,
    askedAt: Moment,
    now: Moment,
    { settle, mayBeat, mayContinue }: MembershipQuestions,
  ): Epoch | undefined {
    this.#observe(epoch, askedAt, now);
    this.#know(epoch);
    const maySee = !this.#isActive || settle();
    this.#former = this.#former.filter((id) => memberOf(epoch, id)?.process === this.#process);
    const rest = without(epoch, new Set([...this.#lapsed(epoch, now), ...this.#former]));
    const own = this.ownIn(rest);
    if (own === undefined) return this.#entered(rest, mayContinue);
    if (this.#isActive && !mayBeat()) return undefined;
    // One that waits is waited for by none, so it may as well be a member whose process has ended meanwhile.
    const ended = own.active ? undefined : rest.members.find((one) => one.active && mayContinue(one));
    if (ended !== undefined) return this.#continued(without(rest, new Set([own.id])), ended);
    const isDue = longestBetween(this.#renewedAt, now) >= BEAT_MS;
    const seen = maySee ? rest.number : own.seen;
    const becomesActive = !own.active && mayBecomeActive(rest, own);
    if (!isDue && seen === own.seen && !becomesActive && rest === epoch) return undefined;
    return this.#beaten(rest, { seen, active: own.active || becomesActive });
  }

  /** What `read` has returned is about to be stored. */
  sending(now: Moment): void {
    this.#sentAt = now;
  }

  /** What `read` has returned was stored. */
  stored(epoch: Epoch): void {
    this.#know(epoch);
  }

  /**
   * Gives the share up: this process uses it no more, whatever becomes of the following.
   * @returns a function that removes it from an epoch, for the others to have its share at once
   */
  leave(): (epoch: Epoch) => Epoch {
    const id = this.#id;
    this.#forget();
    const isOwn = (epoch: Epoch): boolean => memberOf(epoch, id)?.process === this.#process;
    return (epoch) => (isOwn(epoch) ? without(epoch, new Set([id])) : epoch);
  }

  #entered(epoch: Epoch, mayContinue: (member: Member) => boolean): Epoch | undefined {
    const ended = epoch.members.filter(mayContinue);
    const predecessor = ended.find(({ active }) => active) ?? ended[0];
    if (predecessor !== undefined) return this.#continued(epoch, predecessor);
    return epoch.members.length < MOST_MEMBERS ? this.#joined(epoch) : undefined;
  }

  /** The epoch in which this process is the member that an ended one was; all else stays as it is. */
  #continued(epoch: Epoch, { id, beat }: Member): Epoch {
    // The beat of the other one is none of this process.
    this.#beat = Math.max(this.#beat, beat) + 1;
    return withMember(epoch, id, { process: this.#process });
  }

  #joined(epoch: Epoch): Epoch {
    const newcomer = { id: this.#id, process: this.#process, beat: ++this.#beat };
    const joined = withNewcomer(epoch, newcomer);
    const own = memberOf(joined, this.#id)!;
    return withMember(joined, this.#id, { active: mayBecomeActive(joined, own) });
  }

  /** Each attempt to write has another beat, so that a later reading shows which one was stored. */
  #beaten(epoch: Epoch, change: Partial<Member>): Epoch {
    this.#beat += 1;
    return withMember(epoch, this.#id, { ...change, beat: this.#beat });
  }

  /** Learns what is stored: whether this process is a member, how long, and among which others. */
  #know(epoch: Epoch): void {
    if (this.#number > 0 && this.#isLost(epoch, this.ownIn(epoch))) this.#forget();
    const own = this.ownIn(epoch);
    if (own === undefined) return;
    this.#number = epoch.number;
    if (own.id !== this.#id) [this.#id, this.#isSuccessor] = [own.id, true];
    if (own.beat === this.#beat) this.#renewedAt = this.#sentAt;
    if (!own.active) return;
    this.#isActive = true;
    this.#look(epoch);
    this.#holder.renew(laterBy(HOLD_MS, this.#renewedAt));
  }

  /**
   * This process is not the member any more that it was: others have removed it, or it goes on as another
   * one. Or the store has lost what it had stored, and may have lost newcomers.
   */
  #isLost(epoch: Epoch, own: Member | undefined): boolean {
    const isOther = own?.id !== this.#id;
    return isOther || epoch.number < this.#number || (this.#isActive && !own.active);
  }

  /** Changes the view, if it is another one. */
  #look({ members, salt }: Epoch): void {
    const ids = members.map(({ id }) => id);
    const view = [...ids, ...salt].join();
    if (view === this.#view) return;
    this.#view = view;
    this.#holder.hold({ members: ids, self: this.#id, salt });
  }

  /** All that belongs to the member that this process was: as the next one it begins anew. */
  #forget(): void {
    this.#holder.release();
    this.#isActive = false;
    this.#number = 0;
    this.#view = '';
    this.#former = [...this.#former, this.#id];
    this.#id = this.#newId();
    this.#isSuccessor = false;
    this.#renewedAt = NEVER;
    this.#sentAt = NEVER;
  }

  #observe({ members }: Epoch, askedAt: Moment, now: Moment): void {
    const isBlind = longestBetween(this.#readAt, askedAt) > BLIND_MS;
    const before = new Map(this.#observed);
    this.#observed.clear();
    for (const { id, beat } of members) {
      const known = before.get(id);
      const hasBeaten = known !== undefined && known.beat !== beat;
      // At the reading before, the store had the beat before.
      if (hasBeaten) this.#freshAt.set(id, this.#askedAt);
      const isKnown = known !== undefined && !hasBeaten && !isBlind;
      this.#observed.set(id, isKnown ? known : { beat, at: now });
    }
    for (const id of this.#freshAt.keys()) if (!this.#observed.has(id)) this.#freshAt.delete(id);
    this.#askedAt = askedAt;
    this.#readAt = now;
  }

  #lapsed({ members }: Epoch, now: Moment): readonly string[] {
    const hasLapsed = ({ id, active }: Member): boolean => {
      const silentMs = now.monotonic - this.#observed.get(id)!.at.monotonic;
      return id !== this.#id && silentMs >= (active ? LAPSE_MS : WAIT_MS);
    };
    return members.filter(hasLapsed).map(({ id }) => id);
  }
}
