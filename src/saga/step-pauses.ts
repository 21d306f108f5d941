// How long to wait before trying again. Exponential with jitter, so that sagas which failed together do not
// come back together. A journal that fails is asked again after a draw from the whole span; the pauses of
// steps are at least half of theirs, so that all attempts of a step together outlast what their rule was
// written for. M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
import type { RetryRule } from './saga.js';

/** Longest pause between two attempts of a compensation that has failed more often than its rule expected. */
export const LONG_BACKOFF_MS = 60_000;

/** A compensation is tried for 24 hours, so a rule without pauses would keep a thread busy for as long. */
const LEAST_UNDO_BACKOFF_MS = 10;

/** Milliseconds between 0 and `min(capMs, baseMs * 2^(failures - 1))`. `random` gives [0, 1). */
export function fullJitter(baseMs: number, failures: number, capMs: number, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 60));
}

/** Milliseconds between half and the whole of `min(capMs, baseMs * 2^(failures - 1))`. */
function equalJitter(baseMs: number, failures: number, capMs: number, random: () => number): number {
  return fullJitter(baseMs, failures, capMs, () => (1 + random()) / 2);
}

/** Pause after the `failures`-th attempt of a step whose outcome is unknown. */
export function forwardPause(rule: RetryRule, failures: number, random: () => number): number {
  return equalJitter(rule.backoffMs, failures, rule.maxBackoffMs, random);
}

/**
 * As the step's own rule says for as many attempts as it names; then growing on, since there are 24 hours.
 */
export function undoPause(rule: RetryRule, failures: number, random: () => number): number {
  const cap = failures < rule.attempts ? rule.maxBackoffMs : Math.max(rule.maxBackoffMs, LONG_BACKOFF_MS);
  const least = LEAST_UNDO_BACKOFF_MS;
  return equalJitter(Math.max(rule.backoffMs, least), failures, Math.max(cap, least), random);
}
