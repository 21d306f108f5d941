// How many requests may be in flight before more of them only wait for each other. Nobody can know that number
// beforehand, so it is learned from latencies, as TCP Vegas and Netflix' concurrency-limits do: as long as answers take as
// long as they usually do, the limit only bounds how fast load may grow; once they take over twice as long, more is in flight
// than is being worked on, and by Little's law what is needed is the best rate there was times the usual latency.
// Half as many more are let in, so that the work never runs dry for want of requests.
//
// Latencies are compared with the usual one of their own route, so a change of the mix is no overload, and below 20 ms
// nothing counts: there a garbage collection looks like a queue.
//
// While it limits, "the usual" cannot be learned from latencies that are full of waiting; and whatever is believed to
// be usual looks right, for it decides how much waits. So every three seconds less is let in for a moment than is believed to
// be needed: what answers take then, they take without waiting. And when the rate falls together with the limit, the
// work was not waiting but is slower for a reason of its own: that is the new usual, and not an overload.

/** What all workers have answered since the last look. */
export interface LoadWindow {
  readonly elapsedMs: number;
  readonly answers: number;
  /** Mean of latency by usual latency. */
  readonly ratio: number;
  /** Mean of the usual latencies, milliseconds. */
  readonly usualMs: number;
  /** Requests in flight now. */
  readonly inFlight: number;
  readonly nowMs: number;
}

export interface LimitState {
  readonly limit: number;
  /** It is in force because latencies have risen. */
  readonly limiting: boolean;
  /** What latencies of now tell about the usual ones: nothing, what is certainly enough, or what they are. */
  readonly learning: 'nothing' | 'most' | 'usual';
  /** In this window, the rate fell together with the limit. */
  readonly starving: boolean;
  /** Answers per second, smoothed, and the most of the last while. */
  readonly rate: number;
  readonly bestRate: number;
}

/** Fewer in flight never are an overload: latencies then have other reasons. */
export const LEAST_LIMIT = 64;
/** The least that latencies are compared with. */
export const LEAST_USUAL_MS = 20;
/** An unknown load may bring this many at once, and half as many more in every window that goes well. */
const FIRST_LIMIT = 1024;
const GROWTH = 1.5;
const GROWTH_LIMITING = 1.1;
/** Answers until a window says that there is an overload. */
const ENOUGH_ANSWERS = 16;
/** Latencies beyond this, of the usual, are overload; below the second nothing waits. */
const TOLERANCE = 2.25;
export const EASY = 1.25;
/** Let in while limiting, of what is believed to be needed: the work must not run dry. */
const RESERVE = 1.5;
/** Weight of a window in the smoothed rate: the best one is not to be that of a lucky moment. */
const RATE_SMOOTHING = 0.3;
/** Of the best rate, what is left after a second without another as good. */
const RATE_KEPT_PER_SECOND = 0.93;
/** Of the best rate: with less in a probe, nothing waits; with less outside, twice in a row, the limit holds the work up. */
const IDLE = 0.6;
const STARVED = 0.5;

const PROBE_EVERY_MS = 3_000;
const PROBE_MS = 200;
/** Of a probe, until what waited is gone. */
const PROBE_SETTLES_MS = 100;
/** Since the last probe began, until the rate is as if there had been none. */
const PROBE_FORGOTTEN_MS = 600;
/** Let in during a probe, of what is believed to be needed; and how few that may be. */
const PROBE_SHARE = 0.7;
const PROBE_LEAST = 8;

/** Answers per second, smoothed, and the most of the last while. */
export type Rates = Pick<LimitState, 'rate' | 'bestRate'>;

/** @param seen answers per second in the last `elapsedMs` */
export function nextRates(before: Rates, seen: number, elapsedMs: number): Rates {
  const rate = before.rate + (seen - before.rate) * RATE_SMOOTHING;
  return { rate, bestRate: Math.max(rate, before.bestRate * RATE_KEPT_PER_SECOND ** (elapsedMs / 1000)) };
}

/** In flight at the best rate, when answers take as long as usual (Little's law). */
export const bestNeed = ({ bestRate }: Pick<Rates, 'bestRate'>, usualMs: number): number =>
  (bestRate / 1000) * Math.max(usualMs, LEAST_USUAL_MS);

export const withReserve = (needed: number): number => needed * RESERVE;

export const firstLimit = (most: number): LimitState => ({
  limit: Math.min(most, FIRST_LIMIT),
  limiting: false,
  learning: 'usual',
  starving: false,
  rate: 0,
  bestRate: 0,
});

/** @param most the hard limit */
export const concurrencyRule = (most: number) => ({
  first: firstLimit(most),
  next: (state: LimitState, window: LoadWindow): LimitState => adaptLimit(state, window, most),
});

export function adaptLimit(state: LimitState, window: LoadWindow, most: number): LimitState {
  const { answers, elapsedMs, ratio, usualMs, inFlight, nowMs } = window;
  const seen = answers / (elapsedMs / 1000);
  const { rate, bestRate } = nextRates(state, seen, elapsedMs);
  const phase = nowMs % PROBE_EVERY_MS;
  const isProbe = phase < PROBE_MS;
  const overloaded = ratio > TOLERANCE && inFlight >= LEAST_LIMIT && answers >= ENOUGH_ANSWERS;
  const needed = bestNeed({ bestRate }, usualMs);
  const enough = Math.max(LEAST_LIMIT, Math.ceil(withReserve(needed)));

  if (state.limiting && isProbe) {
    const limit = Math.min(most, Math.max(PROBE_LEAST, Math.ceil(needed * PROBE_SHARE)));
    const isQuiet = phase >= PROBE_SETTLES_MS && inFlight <= limit;
    const learning = !isQuiet ? 'nothing' : seen < bestRate * IDLE ? 'usual' : 'most';
    return { limit, limiting: true, learning, starving: false, rate, bestRate };
  }
  if (overloaded) {
    const starving =
      state.limiting && phase >= PROBE_FORGOTTEN_MS && seen < bestRate * STARVED && inFlight <= state.limit;
    const learning = starving && state.starving ? 'usual' : 'nothing';
    return { limit: Math.min(most, enough), limiting: true, learning, starving, rate, bestRate };
  }
  if (state.limiting) {
    const limit = Math.min(most, Math.max(enough, Math.ceil(state.limit * GROWTH_LIMITING)));
    // Not needed any more: it ends where an unknown load would start.
    const limiting = limit < Math.min(most, FIRST_LIMIT);
    return { limit, limiting, learning: limiting ? 'nothing' : 'usual', starving: false, rate, bestRate };
  }
  if (!mayGrow(state, window, seen)) return { ...state, rate, bestRate };
  return { ...state, limit: Math.min(most, Math.ceil(state.limit * GROWTH)), rate, bestRate };
}

/** What is not used says nothing about more, nor do answers that are few for what is in flight. */
function mayGrow({ limit }: LimitState, { inFlight, ratio, usualMs }: LoadWindow, rate: number): boolean {
  return inFlight * 2 > limit && ratio <= EASY && inFlight <= (TOLERANCE * rate * usualMs) / 1000;
}

/** Answers that the first idea of what is usual is made of; what they take of late is a mean of the last few hundred. */
const FIRST_ANSWERS = 8;
const LATELY = 1 / 200;
/**
 * What is usual follows what they take of late, down at once and up slowly: close to what can be served much waits for a
 * while, and if that were taken for usual, as much would be let in when there is too much. What has become slower for good
 * is found out by a probe.
 */
const DOWN = 1 / 200;
const UP = 1 / 10_000;
const WHILE_LIMITING = 1 / 20;

/** The usual latency of one route, as one worker sees it: a mean that knows nothing of overload. */
export class UsualLatency {
  answers = 0;
  #mean = 0;
  #lately = 0;

  /** Milliseconds; 0 before the first answer. */
  get ms(): number {
    return this.#mean;
  }

  /** @returns the usual latency so far, milliseconds; at the first answer that answer's */
  learn(latencyMs: number, { limiting, learning }: Pick<LimitState, 'limiting' | 'learning'>): number {
    const before = this.answers === 0 ? latencyMs : this.#mean;
    this.answers++;
    if (this.answers <= FIRST_ANSWERS) {
      this.#mean = this.#lately = toward(before, latencyMs, 1 / this.answers);
    } else if (limiting) {
      if (learning === 'nothing' || (learning === 'most' && latencyMs > before)) return before;
      this.#mean = this.#lately = toward(before, latencyMs, WHILE_LIMITING);
    } else {
      this.#lately = toward(this.#lately, latencyMs, LATELY);
      this.#mean = toward(before, this.#lately, this.#lately < before ? DOWN : UP);
    }
    return before;
  }
}

const toward = (from: number, to: number, weight: number): number => from + (to - from) * weight;
