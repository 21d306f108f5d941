// How many requests may be in flight, kept once for all threads: they add up what they see, and whoever finds that a
// window is over draws the conclusion for everybody. Every thread reads one word to know the limit.
import type { Block } from './block.js';
import type { Clock } from './clock.js';
import { elapsed, toWord } from './elapsed.js';

export interface ConcurrencyWindow {
  readonly elapsedMs: number;
  readonly answers: number;
  readonly ratio: number;
  readonly usualMs: number;
  readonly inFlight: number;
  readonly nowMs: number;
}

const LEARNING = ['nothing', 'most', 'usual'] as const;

export interface ConcurrencyState {
  readonly limit: number;
  readonly limiting: boolean;
  readonly learning: (typeof LEARNING)[number];
  readonly starving: boolean;
  /** Answers per second. */
  readonly rate: number;
  readonly bestRate: number;
}

/** How a window changes the limit. The cells do not know why. */
export interface ConcurrencyRule {
  readonly first: ConcurrencyState;
  next(state: ConcurrencyState, window: ConcurrencyWindow): ConcurrencyState;
}

/** What every request reads is on another cache line than what answers write. */
const [IN_FORCE, RATE, BEST_RATE, SINCE, ANSWERS, RATIO, USUAL] = [0, 1, 2, 16, 17, 18, 19] as const;
/** Low bits of the first word: limiting, starving, learning (2), then the limit. */
const [LIMITING, STARVING, LEARNING_SHIFT, LIMIT_SHIFT] = [1, 2, 2, 4] as const;

const WINDOW_MS = 50;
const ENOUGH_ANSWERS = 48;
/** With fewer answers a window is as long as this. */
const LONGEST_WINDOW_MS = 500;
/** Sums are whole: ratios in 64ths, latencies in tenths of a millisecond, both bounded so that no window overflows. */
const [PER_RATIO, PER_MS] = [64, 10] as const;
const [MOST_RATIO, MOST_MS] = [100, 5_000] as const;

export class ConcurrencyCells {
  readonly #words: Int32Array;
  readonly #inFlight: Int32Array;
  readonly #own: Int32Array;
  readonly #rule: ConcurrencyRule;
  readonly #clock: Clock;

  /** @param slot row of the thread that admits */
  constructor(block: Block, slot: number, rule: ConcurrencyRule, clock: Clock) {
    this.#words = block.words('concurrency');
    this.#inFlight = block.words('processInFlight');
    this.#own = block.words('workerAdmitted', slot);
    this.#rule = rule;
    this.#clock = clock;
    // Nobody has been here before: the word is never 0 again.
    Atomics.compareExchange(this.#words, IN_FORCE, 0, pack(rule.first));
  }

  get limit(): number {
    return Atomics.load(this.#words, IN_FORCE) >>> LIMIT_SHIFT;
  }

  get state(): ConcurrencyState {
    return this.#unpack(Atomics.load(this.#words, IN_FORCE));
  }

  get inFlight(): number {
    return Atomics.load(this.#inFlight, 0);
  }

  /** Never more than `most` at once over all threads: who adds past it takes it back and is refused. */
  enter(most: number): boolean {
    if (Atomics.add(this.#inFlight, 0, 1) >= most) {
      Atomics.sub(this.#inFlight, 0, 1);
      return false;
    }
    this.#own[0] = this.#own[0]! + 1; // read by others when this thread has ended
    return true;
  }

  leave(): void {
    this.#own[0] = this.#own[0]! - 1;
    Atomics.sub(this.#inFlight, 0, 1);
  }

  /**
   * Tells of some answers.
   * @param ratios sum of latency by usual latency @param usualMs sum of the usual latencies
   */
  report(answers: number, ratios: number, usualMs: number): void {
    const words = this.#words;
    Atomics.add(words, RATIO, Math.round(Math.min(ratios, MOST_RATIO * answers) * PER_RATIO));
    Atomics.add(words, USUAL, Math.round(Math.min(usualMs, MOST_MS * answers) * PER_MS));
    const soFar = Atomics.add(words, ANSWERS, answers) + answers;
    const nowMs = this.#clock();
    const since = Atomics.load(words, SINCE);
    const elapsedMs = elapsed(toWord(nowMs), since);
    if (elapsedMs < (soFar >= ENOUGH_ANSWERS ? WINDOW_MS : LONGEST_WINDOW_MS)) return;
    if (Atomics.compareExchange(words, SINCE, since, toWord(nowMs) | 0) !== since) return;
    this.#conclude(elapsedMs, nowMs);
  }

  #conclude(elapsedMs: number, nowMs: number): void {
    const words = this.#words;
    const answers = Atomics.exchange(words, ANSWERS, 0);
    const ratio = Atomics.exchange(words, RATIO, 0) / PER_RATIO / Math.max(1, answers);
    const usualMs = Atomics.exchange(words, USUAL, 0) / PER_MS / Math.max(1, answers);
    const inForce = Atomics.load(words, IN_FORCE);
    const { inFlight } = this;
    const before = this.#unpack(inForce);
    // A long pause says nothing about a rate.
    const window = {
      elapsedMs: Math.min(elapsedMs, LONGEST_WINDOW_MS),
      answers,
      ratio,
      usualMs,
      inFlight,
      nowMs,
    };
    const next = this.#rule.next(before, window);
    // Who was held up for so long that the next window is over, too, comes too late.
    if (Atomics.compareExchange(words, IN_FORCE, inForce, pack(next)) !== inForce) return;
    Atomics.store(words, RATE, toRate(next.rate));
    Atomics.store(words, BEST_RATE, toRate(next.bestRate));
  }

  #unpack(word: number): ConcurrencyState {
    return {
      limit: word >>> LIMIT_SHIFT,
      limiting: (word & LIMITING) !== 0,
      starving: (word & STARVING) !== 0,
      learning: LEARNING[(word >>> LEARNING_SHIFT) & 3]!,
      rate: Atomics.load(this.#words, RATE),
      bestRate: Atomics.load(this.#words, BEST_RATE),
    };
  }
}

function pack({ limit, limiting, starving, learning }: ConcurrencyState): number {
  const bits = (limiting ? LIMITING : 0) | (starving ? STARVING : 0);
  return (limit << LIMIT_SHIFT) | (LEARNING.indexOf(learning) << LEARNING_SHIFT) | bits;
}

const toRate = (rate: number): number => Math.round(Math.min(rate, 2 ** 31 - 1));

/** Gives back what a lost worker held. Call when none of its code can run any more. */
export function reclaimInFlight(block: Block, slot: number): void {
  const held = Atomics.exchange(block.words('workerAdmitted', slot), 0, 0);
  Atomics.sub(block.words('processInFlight'), 0, held);
}

/** Requests in flight in all threads, for metrics. */
export function readInFlight(block: Block): number {
  return Atomics.load(block.words('processInFlight'), 0);
}
