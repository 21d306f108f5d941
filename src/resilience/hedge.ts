// A second attempt beside the first when that takes long, elsewhere: the first good answer wins, the other
// attempt is called off. It cuts the slow tail, which a retry cannot, because what is slow has not failed.
// What it costs is bounded as retries are: whoever makes the second attempt asks the same budget. J. Dean, L.
// A. Barroso, "The Tail at Scale", Communications of the ACM 56 (2), 2013.
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_TIMER_MS, manyMayListen } from './cancellation.js';
import type { Limits, Sleep, Tried } from './policy.js';

export interface HedgedWork<T> {
  /** Never rejects; ends early when its signal aborts. */
  first(signal: AbortSignal): Promise<Tried<T>>;
  /** In the same way; undefined when there is nobody else, or it may not be made. */
  second(signal: AbortSignal): Promise<Tried<T>> | undefined;
}

/** What came of a second attempt: its answer was taken, that of the first, or neither was good. */
export type HedgeOutcome = 'won' | 'lost' | 'failed';

export interface HedgeOptions {
  /** How long the first attempt has to itself, milliseconds. */
  readonly afterMs: number;
  /** A second attempt was made. */
  readonly onEnded: (outcome: HedgeOutcome) => void;
  readonly sleep?: Sleep;
}

/** Why the other attempt was called off: it says nothing about whoever served it. */
export class HedgeLostError extends Error {
  override readonly name = 'HedgeLost';

  constructor() {
    super('another attempt was faster');
  }
}

const sleepFor: Sleep = (ms, signal) => delay(ms, undefined, { signal });

/** What was tried last when neither is good. */
export async function hedged<T>(
  { afterMs, onEnded, sleep = sleepFor }: HedgeOptions,
  work: HedgedWork<T>,
  { deadline, signal }: Limits,
): Promise<Tried<T>> {
  if (afterMs >= deadline.remainingMs()) return work.first(signal);
  const one = follow(signal);
  const first = work.first(one.signal);
  const waiting = new AbortController();
  const early = first.then((tried) => {
    waiting.abort();
    return tried;
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
  { first, second }: { readonly first: Promise<Tried<T>>; readonly second: Promise<Tried<T>> },
  one: Follower,
  two: Follower,
  onEnded: HedgeOptions['onEnded'],
): Promise<Tried<T>> {
  return new Promise((resolve) => {
    let [left, ended] = [2, false];
    const take = (tried: Tried<T>, outcome: HedgeOutcome, other: Follower): void => {
      left--;
      if (ended || (left > 0 && !isFinal(tried))) return;
      ended = true;
      if (left > 0) other.abort();
      onEnded(isFinal(tried) && isGood(tried) ? outcome : 'failed');
      resolve(tried);
    };
    void first.then((tried) => take(tried, 'lost', two));
    void second.then((tried) => take(tried, 'won', one));
  });
}

/** Nothing better is to be had. */
const isFinal = <T>(tried: Tried<T>): boolean => tried.kind !== 'untried' && !tried.again;
const isGood = <T>(tried: Tried<T>): boolean => tried.kind === 'answered';

interface Follower {
  readonly signal: AbortSignal;
  /** As having lost. */
  abort(): void;
  dispose(): void;
}

/** Aborts when the other signal does, or by itself. */
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
