// Hedging: when the first attempt takes long, a second one is made at another callee; the first good result
// is used and the other attempt is cancelled. Hedging shortens the slow tail of response times, which a retry
// cannot, because a slow attempt has not failed. Its cost is limited like that of retries: a second attempt
// takes a token of the same budget. J. Dean, L. A. Barroso, "The Tail at Scale", Communications of the ACM 56
// (2), 2013.
import { setTimeout as delay } from 'node:timers/promises';
import { manyMayListen } from '../abort-source.js';
import { MAX_TIMER_MS } from './cancellation.js';
import type { AttemptEnd, Sleep, WorkLimits } from './policy.js';

export interface HedgedWork<T> {
  /** Never rejects; ends early when its signal aborts. */
  first(signal: AbortSignal): Promise<AttemptEnd<T>>;
  /** Like `first`. @returns undefined when there is no other callee, or the budget is exhausted */
  second(signal: AbortSignal): Promise<AttemptEnd<T>> | undefined;
}

/**
 * Result of a second attempt. `won`: it was used. `lost`: the first one was used. `failed`: neither was good.
 */
export type HedgeOutcome = 'won' | 'lost' | 'failed';

export interface HedgeOptions {
  /** Milliseconds after which the second attempt begins. */
  readonly afterMs: number;
  /** Called at the end when a second attempt was made. */
  readonly onEnded: (outcome: HedgeOutcome) => void;
  readonly sleep?: Sleep;
}

/** Abort reason of the attempt that was cancelled: its end shows nothing about its callee. */
export class HedgeLostError extends Error {
  override readonly name = 'HedgeLost';

  constructor() {
    super('another attempt was faster');
  }
}

const sleepFor: Sleep = (ms, signal) => delay(ms, undefined, { signal });

/** @returns the first good result; when neither is good, the one that ended last */
export async function hedged<T>(
  { afterMs, onEnded, sleep = sleepFor }: HedgeOptions,
  work: HedgedWork<T>,
  { deadline, signal }: WorkLimits,
): Promise<AttemptEnd<T>> {
  if (afterMs >= deadline.remainingMs()) return work.first(signal);
  const one = follow(signal);
  const first = work.first(one.signal);
  const waiting = new AbortController();
  const early = first.then((end) => {
    waiting.abort();
    return end;
  });
  try {
    await sleep(Math.min(afterMs, MAX_TIMER_MS), waiting.signal);
  } catch (error) {
    if (!waiting.signal.aborted) throw error;
  }
  if (waiting.signal.aborted || signal.aborted) {
    one.dispose();
    return early;
  }
  const two = follow(signal);
  const second = work.second(two.signal);
  if (second === undefined) two.dispose();
  const result = second === undefined ? await first : await better({ first, second }, one, two, onEnded);
  one.dispose();
  two.dispose();
  return result;
}

function better<T>(
  { first, second }: { readonly first: Promise<AttemptEnd<T>>; readonly second: Promise<AttemptEnd<T>> },
  one: Follower,
  two: Follower,
  onEnded: HedgeOptions['onEnded'],
): Promise<AttemptEnd<T>> {
  return new Promise((resolve) => {
    let [running, isDecided] = [2, false];
    const settle = (end: AttemptEnd<T>, outcome: HedgeOutcome, other: Follower): void => {
      running--;
      if (isDecided || (running > 0 && !isFinal(end))) return;
      isDecided = true;
      if (running > 0) other.abort();
      onEnded(isFinal(end) && isGood(end) ? outcome : 'failed');
      resolve(end);
    };
    void first.then((end) => settle(end, 'lost', two));
    void second.then((end) => settle(end, 'won', one));
  });
}

/** Whether the end of one attempt is final, because the other attempt cannot give a better result. */
const isFinal = <T>(end: AttemptEnd<T>): boolean => end.kind !== 'not-attempted' && !end.mayRepeat;
const isGood = <T>(end: AttemptEnd<T>): boolean => end.kind === 'returned';

/** The signal of one of the two attempts. */
interface Follower {
  readonly signal: AbortSignal;
  /** Aborts it with HedgeLostError. */
  abort(): void;
  dispose(): void;
}

/** @returns a signal that aborts when the given one does, or by itself */
function follow(signal: AbortSignal): Follower {
  const controller = new AbortController();
  const passOn = (): void => controller.abort(signal.reason);
  if (signal.aborted) passOn();
  else {
    manyMayListen(signal);
    signal.addEventListener('abort', passOn, { once: true });
  }
  return {
    signal: controller.signal,
    abort: () => controller.abort(new HedgeLostError()),
    dispose: () => signal.removeEventListener('abort', passOn),
  };
}
