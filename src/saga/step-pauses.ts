// Pauses between the attempts of a step. They are at least half of their bound, so that all attempts of a
// step together outlast the failure that their rule was written for, and jittered, so that sagas which failed
// together do not retry together.
import { fullJitterMs } from '../resilience/full-jitter.js';
import type { RetryRule } from './saga.js';

/** The longest pause of a compensation that has failed more often than the `attempts` of its rule. */
export const LONG_BACKOFF_MS = 60_000;

/** Compensations are tried for 24 hours, so a rule without pauses would keep a thread busy for as long. */
const MIN_UNDO_BACKOFF_MS = 10;

/** Milliseconds between half and the whole of `min(maxMs, baseMs x 2^(failures - 1))`. */
function equalJitterMs(failures: number, baseMs: number, maxMs: number, random: () => number): number {
  return fullJitterMs(failures, { baseMs, maxMs }, () => (1 + random()) / 2);
}

/** The pause after the n-th attempt (`failures`) of a step whose outcome is unknown. */
export function forwardPause(rule: RetryRule, failures: number, random: () => number): number {
  return equalJitterMs(failures, rule.backoffMs, rule.maxBackoffMs, random);
}

/**
 * The pause after the n-th failed compensation (`failures`). It follows the rule for as many failures as the
 * rule has attempts; then it grows up to LONG_BACKOFF_MS, since there are 24 hours.
 */
export function undoPause(rule: RetryRule, failures: number, random: () => number): number {
  const cap = failures < rule.attempts ? rule.maxBackoffMs : Math.max(rule.maxBackoffMs, LONG_BACKOFF_MS);
  const least = MIN_UNDO_BACKOFF_MS;
  return equalJitterMs(failures, Math.max(rule.backoffMs, least), Math.max(cap, least), random);
}
