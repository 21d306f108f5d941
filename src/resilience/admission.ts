// Who is let in while much is in flight. Below the hard limit of the process there is the one that is learned
// (adaptive-limit.ts); the class of a request says which of them it must keep to.
import { EASY, LEAST_USUAL_MS, type LimitState, UsualLatency } from './adaptive-limit.js';
import { OwnShare } from './own-share.js';

/**
 * `critical`: refused at the hard limit only; `normal`: at the learned limit; `background`: at half of it, so what is
 * not urgent gives way first.
 */
export type Priority = 'critical' | 'normal' | 'background';
export const PRIORITIES: readonly Priority[] = ['critical', 'normal', 'background'];

/** Of the limit that holds for `normal`. */
const BACKGROUND_SHARE = 0.5;

export interface ConcurrencyCells {
  readonly limit: number;
  readonly state: LimitState;
  readonly inFlight: number;
  enter(most: number): boolean;
  leave(): void;
  report(answers: number, ratios: number, usualMs: number): void;
}

/** By the hard limit, the learned one, that of a route that grows too fast, or that of what is not urgent. */
export type Refusal = 'max_in_flight' | 'latency' | 'surge' | 'background';

/** One route's door. */
export interface Door {
  /** How many of this route run in this thread now, itself included; 0: refused, nothing was taken. */
  enter(): number;
  leave(): void;
  /**
   * An admitted request, the so-many-th when it entered, has been answered after so many milliseconds.
   * @param now milliseconds of any one clock of this thread
   */
  answered(latencyMs: number, entered: number, now: number): void;
}

/**
 * A route whose latency is known may only double, in one answer's time, what it has proven to serve as usual at once:
 * a flood is found out by latencies, so what comes in before there are any must be bounded (TCP's slow start). Per
 * worker; up to the first number nothing has to be proven, and what takes long anyway is nothing that a queue could spoil.
 */
const UNPROVEN = 64;
const KNOWN_ANSWERS = 50;
const SLOW_MS = 250;

/** Answers that are told of at once: shared words are touched for every few of them. */
const BATCH = 8;
/** Older ones are not kept back. */
const BATCH_MS = 20;

export interface AdmissionOptions {
  readonly cells: ConcurrencyCells;
  /** The hard limit. */
  readonly most: number;
  /** That share the limits. */
  readonly workers: number;
  readonly onRefused: (reason: Refusal) => void;
}

/** As one thread uses it. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #share: OwnShare;
  #state: LimitState;
  #answers = 0;
  #ratios = 0;
  #usualMs = 0;
  #reportedAt = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#share = new OwnShare(options.workers);
    this.#state = options.cells.state;
  }

  door(priority: Priority): Door {
    const { cells, most } = this.#options;
    const usual = new UsualLatency();
    let running = 0;
    /** The most that ran when one entered that was answered as usual. */
    let proven = 0;
    const isSurge = (): boolean =>
      running >= UNPROVEN &&
      running >= 2 * proven &&
      usual.answers >= KNOWN_ANSWERS &&
      usual.ms < SLOW_MS &&
      priority !== 'critical';
    return {
      enter: () => {
        if (isSurge()) {
          this.#options.onRefused('surge');
          return 0;
        }
        const limit = this.#limitOf(priority);
        if (!this.#isOverShare(priority) && cells.enter(limit)) {
          this.#share.running++;
          return ++running;
        }
        this.#options.onRefused(
          limit >= most ? 'max_in_flight' : priority === 'background' ? priority : 'latency',
        );
        return 0;
      },
      leave: () => {
        running--;
        this.#share.running--;
        cells.leave();
      },
      answered: (latencyMs, entered, now) => {
        if (entered > proven && latencyMs <= EASY * Math.max(LEAST_USUAL_MS, usual.ms)) proven = entered;
        this.#learn(usual, latencyMs, now);
      },
    };
  }

  #limitOf(priority: Priority): number {
    const { cells, most } = this.#options;
    if (priority === 'critical') return most;
    return priority === 'normal' ? cells.limit : Math.max(1, Math.floor(cells.limit * BACKGROUND_SHARE));
  }

  /** Only while it limits: otherwise nobody knows what this worker needs. */
  #isOverShare(priority: Priority): boolean {
    if (!this.#state.limiting || priority === 'critical') return false;
    const most = this.#share.most(this.#options.cells.limit);
    return this.#share.running >= (priority === 'normal' ? most : most * BACKGROUND_SHARE);
  }

  #learn(usual: UsualLatency, latencyMs: number, now: number): void {
    const usualMs = Math.max(LEAST_USUAL_MS, usual.learn(latencyMs, this.#state));
    this.#answers++;
    this.#ratios += latencyMs / usualMs;
    this.#usualMs += usualMs;
    if (this.#answers < BATCH && now - this.#reportedAt < BATCH_MS) return;
    const { cells } = this.#options;
    cells.report(this.#answers, this.#ratios, this.#usualMs);
    this.#share.answered(this.#answers, this.#usualMs, now);
    this.#answers = 0;
    this.#ratios = 0;
    this.#usualMs = 0;
    this.#reportedAt = now;
    this.#state = cells.state;
  }
}
