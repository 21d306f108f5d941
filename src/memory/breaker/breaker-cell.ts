// Circuit breakers that all threads of the process share: one for each endpoint, and one for each name that a
// service gives a breaker of its own (named-breakers.ts). A threshold of 20 calls means 20 calls of the
// process, not of each worker, and three probes are three in the process.
//
// The whole state is one 64-bit word, so every transition is one compare-and-swap: exactly one thread opens
// the breaker, and a permit is never given twice. See breaker-word.ts for the packing.
//
// The breaker's epoch is a number that grows with every transition except one. A call remembers the epoch in
// which it was admitted, and its outcome counts only in that epoch: a call that was sent before the breaker
// opened can neither close it nor open it again.
//
// The exception is a half-open breaker that opens because its probes have run out of time: it keeps the epoch
// and the counts of probes. When this process was suspended, its probes look as if the endpoint did not
// respond, and no clock can tell the two cases apart. So the outcome of a late probe still counts until the
// open period is over and new probes are admitted. Pattern: M. Nygard, "Release It!", chapter Stability
// Patterns.
import type { BreakerState, Transitions, WindowCounts } from '../../resilience/breaker-contract.js';
import type { AttemptOutcome } from '../../resilience/policy.js';
import type { TripRule } from '../../resilience/trip-rules.js';
import type { Area } from '../area.js';
import type { Clock } from '../clock.js';
import { elapsed, toWord } from '../elapsed.js';
import { ProbePermits } from '../probe-permits.js';
import { BreakerWindow } from './breaker-window.js';
import {
  BreakerWords,
  CLOSED,
  EPOCH_MASK,
  epochOf,
  FORCED_CLOSED,
  FORCED_OPEN,
  following,
  HALF_OPEN,
  inMode,
  isForced,
  modeOf,
  OPEN,
  SUCCEEDED,
  succeededOf,
  TAKEN,
  takenOf,
} from './breaker-word.js';

/** Whether a breaker can follow this rule: the word has four bits for the number of probes. */
export const isBreakerRule = ({ probes }: Pick<TripRule, 'probes'>): boolean => probes >= 1 && probes <= 15;

/** What `admit` returns when the call must not be made. */
export const REFUSED = -1;

/** The state that an operator forces on a breaker. `auto` lets the breaker decide again. */
export type ForcedState = 'open' | 'closed' | 'auto';
/**
 * Called for every transition, by the one thread that made it. A state that an operator forces is not a
 * transition.
 */
export type TransitionListener = (slot: number, to: 'closed' | 'open' | 'half-open') => void;

/** Set in the ticket of a probe, above its epoch. */
const PROBE = EPOCH_MASK + 1;

/**
 * The breakers as one thread uses them. The parameter `slot` of the methods is a row of the breaker tables,
 * in which the endpoints come first and the named breakers last.
 */
export class BreakerCells {
  readonly #words: BreakerWords;
  readonly #window: BreakerWindow;
  readonly #area: Area;
  readonly #probes: ProbePermits;
  readonly #rule: TripRule;
  readonly #clock: Clock;
  readonly #onTransition: TransitionListener | undefined;

  /** @param worker slot of the thread, 0 for the primary. @throws RangeError for an impossible rule */
  constructor(area: Area, worker: number, rule: TripRule, clock: Clock, onTransition?: TransitionListener) {
    if (!isBreakerRule(rule)) throw new RangeError('breaker: probes must be 1..15');
    this.#words = new BreakerWords(area);
    this.#window = new BreakerWindow(area);
    this.#area = area;
    this.#probes = new ProbePermits(area, worker, this.#words);
    this.#rule = rule;
    this.#clock = clock;
    this.#onTransition = onTransition;
  }

  /** @returns a ticket for one call, to be passed to `settle` exactly once, or REFUSED */
  admit(slot: number): number {
    const low = this.#words.low(slot);
    const mode = modeOf(low);
    if (mode === CLOSED || mode === FORCED_CLOSED) return epochOf(low);
    return mode === FORCED_OPEN ? REFUSED : this.#admitProbe(slot);
  }

  /** Whether a ticket is that of a probe. */
  isProbe(ticket: number): boolean {
    return (ticket & PROBE) !== 0;
  }

  /**
   * Whether `admit` would give a ticket now, as far as this thread can know. It takes no permit. But it opens
   * a breaker whose probes have run out of time, because callers do not call `admit` when this returns false.
   */
  admits(slot: number): boolean {
    const { word, low, since } = this.#words.load(slot);
    const mode = modeOf(low);
    if (mode === OPEN) return elapsed(this.#now(), since) >= this.#rule.openMs;
    if (mode !== HALF_OPEN) return mode !== FORCED_OPEN;
    if (takenOf(low) < this.#rule.probes || this.#probes.isOwed(slot)) return true;
    this.#endProbes(slot, word, low, since);
    return false;
  }

  /**
   * Counts the outcome of a call, and opens or closes the breaker when the rule demands it.
   * @param now reading of the shared clock; a caller that has just read it saves a third of the cost
   */
  settle(slot: number, ticket: number, outcome: AttemptOutcome, now: number = this.#clock()): void {
    if (this.isProbe(ticket)) {
      this.#settleProbe(slot, ticket & EPOCH_MASK, outcome);
      return;
    }
    if (outcome === 'ignored') return;
    const low = this.#words.low(slot);
    if (epochOf(low) !== ticket || modeOf(low) !== CLOSED) return;
    const second = Math.floor(now / 1000);
    const isFailure = outcome === 'failure';
    if (isFailure) this.#window.addFailure(slot, second);
    else this.#window.addSuccess(slot, second);
    // Another thread may have begun a new epoch, with an empty window, before this outcome was added.
    if (epochOf(this.#words.low(slot)) !== ticket) {
      this.#window.takeBack(slot, second, isFailure);
      return;
    }
    // A success can open the breaker, too: it may be the call that makes the number of calls large enough for
    // the rule.
    const failures = this.#window.failures(slot, second);
    if (failures === 0) return;
    const calls = failures + this.#window.successes(slot, second);
    if (this.#rule.trips(calls, failures)) this.#trip(slot, ticket, now);
  }

  /** Milliseconds until probes are admitted; 0 when a call may be admitted now, Infinity when forced open. */
  retryInMs(slot: number): number {
    const { low, since } = this.#words.load(slot);
    if (modeOf(low) === FORCED_OPEN) return Number.POSITIVE_INFINITY;
    if (modeOf(low) !== OPEN) return 0;
    return Math.max(0, this.#rule.openMs - elapsed(this.#now(), since));
  }

  /**
   * The state now. An open breaker becomes half-open when its open period is over; the first thread that
   * admits a call or reads the state after that writes the transition.
   */
  state(slot: number): BreakerState {
    this.#endOpenPeriod(slot);
    const { low, since } = this.#words.load(slot);
    if (modeOf(low) === FORCED_OPEN) return { state: 'forced-open' };
    if (modeOf(low) === FORCED_CLOSED) return { state: 'forced-closed' };
    if (modeOf(low) === OPEN) return { state: 'open', since, retryInMs: this.retryInMs(slot) };
    if (modeOf(low) === HALF_OPEN) {
      return {
        state: 'half-open',
        permitted: this.#rule.probes,
        taken: takenOf(low),
        succeeded: succeededOf(low),
      };
    }
    const second = Math.floor(this.#clock() / 1000);
    const failures = this.#window.failures(slot, second);
    return { state: 'closed', calls: failures + this.#window.successes(slot, second), failures };
  }

  /**
   * The counts of the window that opened the breaker; undefined unless it is open or half-open. They are kept
   * until it closes.
   */
  tripped(slot: number): WindowCounts | undefined {
    const mode = modeOf(this.#words.low(slot));
    if (mode !== OPEN && mode !== HALF_OPEN) return undefined;
    const counts = this.#window.last(slot, Math.floor(this.#clock() / 1000));
    // Another thread may have emptied the window to close the breaker.
    return counts.calls === 0 ? undefined : counts;
  }

  /**
   * Writes the transitions that are due because an open period or the time of probes is over, for a breaker
   * that gets no calls. Call it at least once in some days, in any thread: a time in shared memory looks
   * recent again after 49 days.
   */
  refresh(slot: number): void {
    this.#endOpenPeriod(slot);
    this.admits(slot);
  }

  /** Transitions of this breaker since the process began, those of earlier endpoints in its slot included. */
  transitions(slot: number): Transitions {
    return this.#words.transitions(slot);
  }

  /** Transitions of all breakers since the process began: totals that never go down. */
  totalTransitions(): Transitions {
    return this.#words.totalTransitions();
  }

  /**
   * Forces a state for an operator, or ends that with `auto`: then the breaker is closed with an empty
   * window. `auto` does nothing when no state is forced.
   */
  force(slot: number, to: ForcedState): void {
    for (;;) {
      const { word, low } = this.#words.load(slot);
      if (to === 'auto' && !isForced(low)) return;
      const mode = to === 'open' ? FORCED_OPEN : to === 'closed' ? FORCED_CLOSED : CLOSED;
      if (this.#startAnew(slot, word, following(low, mode))) return;
    }
  }

  /**
   * Begins a new epoch of a closed breaker with an empty window, for an endpoint that is ejected or returns:
   * earlier calls and calls under way count no longer. An open breaker stays open until its open period is
   * over.
   */
  forget(slot: number): void {
    for (;;) {
      const { word, low } = this.#words.load(slot);
      if (modeOf(low) !== CLOSED) return;
      if (this.#startAnew(slot, word, following(low, CLOSED))) return;
    }
  }

  /**
   * Resets the breaker for another endpoint in this slot: closed and empty; calls of the previous endpoint no
   * longer count. Its totals go on.
   */
  reset(slot: number): void {
    for (;;) {
      const { word, low } = this.#words.load(slot);
      if (this.#startAnew(slot, word, following(low, CLOSED))) return;
    }
  }

  /** Releases the permits of a lost worker. Call it when none of its code can run any more. */
  reclaim(worker: number): void {
    new ProbePermits(this.#area, worker, this.#words).reclaim();
  }

  /**
   * Begins the next epoch, with an empty window. @returns false when another thread has changed the word
   * meanwhile
   */
  #startAnew(slot: number, word: bigint, next: number): boolean {
    // The window is cleared before the swap, or calls of the next epoch would find the counts of this one,
    // and again after it, because calls that ended in between were counted.
    this.#window.clear(slot);
    if (!this.#words.swap(slot, word, next, this.#now())) return false;
    this.#window.clear(slot);
    return true;
  }

  #admitProbe(slot: number): number {
    for (;;) {
      this.#endOpenPeriod(slot);
      const { word, low, since } = this.#words.load(slot);
      const mode = modeOf(low);
      if (mode === CLOSED || mode === FORCED_CLOSED) return epochOf(low);
      if (mode !== HALF_OPEN) return REFUSED;
      const now = this.#now();
      if (takenOf(low) < this.#rule.probes) {
        const epoch = epochOf(low);
        if (this.#probes.take(slot, epoch, () => this.#words.swap(slot, word, low + TAKEN, now))) {
          return epoch | PROBE;
        }
        continue;
      }
      if (this.#probes.isOwed(slot) && this.#probes.census(slot)) continue;
      this.#endProbes(slot, word, low, since);
      return REFUSED;
    }
  }

  /**
   * Opens the breaker when its probes have had no outcome for `probeMs`. A late outcome still counts until
   * new probes are admitted (see the header).
   */
  #endProbes(slot: number, word: bigint, low: number, since: number): void {
    const now = this.#now();
    if (elapsed(now, since) < this.#rule.probeMs) return;
    if (this.#words.swap(slot, word, inMode(low, OPEN), now)) this.#changed(slot, OPEN);
  }

  #settleProbe(slot: number, epoch: number, outcome: AttemptOutcome): void {
    const to = this.#probes.give(slot, epoch, () => this.#count(slot, epoch, outcome));
    if (to !== undefined) this.#changed(slot, to);
  }

  /** Counts the outcome of a probe. @returns the new state when it has changed */
  #count(slot: number, epoch: number, outcome: AttemptOutcome): number | undefined {
    for (;;) {
      const { word, low, since } = this.#words.load(slot);
      if (epochOf(low) !== epoch || takenOf(low) === succeededOf(low)) return undefined;
      const isLate = modeOf(low) === OPEN;
      const isLast = outcome === 'success' && succeededOf(low) + 1 >= this.#rule.probes;
      if (outcome === 'failure' || isLast) {
        const to = isLast ? CLOSED : OPEN;
        // The window is emptied before the breaker closes: the failures that opened it may be less than ten
        // seconds old.
        if (to === CLOSED) this.#window.clear(slot);
        // A late failure does not begin a new open period.
        const at = isLate && to === OPEN ? since : this.#now();
        if (!this.#words.swap(slot, word, following(low, to), at)) continue;
        return modeOf(low) === to ? undefined : to;
      }
      const counted = outcome === 'success' ? low + SUCCEEDED : low - TAKEN;
      // A late outcome makes the breaker half-open again, and the time of the other probes begins anew: the
      // thread that was late with this one may have made them as well.
      const at = isLate ? this.#now() : since;
      if (this.#words.swap(slot, word, inMode(counted, HALF_OPEN), at)) return isLate ? HALF_OPEN : undefined;
    }
  }

  #trip(slot: number, epoch: number, now: number): void {
    for (;;) {
      const { word, low } = this.#words.load(slot);
      if (epochOf(low) !== epoch || modeOf(low) !== CLOSED) return;
      if (!this.#words.swap(slot, word, following(low, OPEN), toWord(now))) continue;
      this.#changed(slot, OPEN);
      return;
    }
  }

  #endOpenPeriod(slot: number): void {
    const { word, low, since } = this.#words.load(slot);
    if (modeOf(low) !== OPEN) return;
    const now = this.#now();
    if (elapsed(now, since) < this.#rule.openMs) return;
    if (this.#words.swap(slot, word, following(low, HALF_OPEN), now)) this.#changed(slot, HALF_OPEN);
  }

  #changed(slot: number, to: number): void {
    this.#words.count(slot, to);
    this.#onTransition?.(slot, to === OPEN ? 'open' : to === CLOSED ? 'closed' : 'half-open');
  }

  #now(): number {
    return toWord(this.#clock());
  }
}
