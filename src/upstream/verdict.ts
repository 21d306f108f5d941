// What an answer, or the lack of one, says about the endpoint that was called, and whether asking again may
// help. Business answers (4xx) are successes of the endpoint. 429 and OVERLOADED say that it protects itself:
// counting them would open breakers on an endpoint that works. Gateway-class answers (502, 503, 504) and
// broken connections may be asked again, elsewhere, unless the callee has passed the failure on from a call
// of its own: it has been repeated there, and three layers that repeat three times each would make 27 calls
// of one.
import type { Deadline } from '../deadline.js';
import { HttpError, isGatewayFailure } from '../errors.js';
import type { AttemptOutcome } from '../resilience/policy.js';
import { problemIn } from './buffered-response.js';
import type { Received } from './transport.js';

export interface Verdict {
  /** For the breaker. */
  readonly outcome: AttemptOutcome;
  /** For outlier ejection: a failure is only that nobody answered who would know. */
  readonly reached: AttemptOutcome;
  readonly mayRepeat: boolean;
  /** The time ran out that a caller allows; see `Deadline.isShortened`. */
  readonly isUntimely?: boolean;
}

const SUCCESS: Verdict = { outcome: 'success', reached: 'success', mayRepeat: false };
/** Something is wrong there, but it answers. */
const FAILURE: Verdict = { outcome: 'failure', reached: 'success', mayRepeat: false };
const GATEWAY_FAILURE: Verdict = { outcome: 'failure', reached: 'failure', mayRepeat: true };
const FINAL_FAILURE: Verdict = { ...GATEWAY_FAILURE, mayRepeat: false };
const TIMEOUT: Verdict = { outcome: 'failure', reached: 'failure', mayRepeat: false };
const NOTHING: Verdict = { outcome: 'ignored', reached: 'ignored', mayRepeat: false };
const SHED: Verdict = { outcome: 'ignored', reached: 'ignored', mayRepeat: true };

/**
 * A 503 or 504 this shortly before a deadline was caused by it: callees may give up early, to be able to say
 * so, and each hop rounds the remaining time down.
 */
const GIVEN_UP_EARLY_MS = 60;

/** A response of the endpoint, or why there is none. */
export type TransportResult =
  | { readonly kind: 'returned'; readonly value: Received }
  | { readonly kind: 'failed'; readonly error: unknown };

/** @param signal of the attempt @param deadline of the call @param tookMs the attempt */
export function judge(
  ended: TransportResult,
  signal: AbortSignal,
  deadline: Deadline,
  tookMs: number,
): Verdict {
  const verdict = ended.kind === 'returned' ? judgeResponse(ended.value) : judgeError(ended.error, signal);
  if (!deadline.isShortened || !isTimeUp(ended, deadline, tookMs)) return verdict;
  return { outcome: 'ignored', reached: 'ignored', mayRepeat: verdict.mayRepeat, isUntimely: true };
}

/**
 * What a verdict says when the calling thread has missed most of the time: that no response came in it says
 * nothing.
 */
export function withoutSilence(verdict: Verdict): Verdict {
  return verdict.reached === 'failure' ? { ...NOTHING, mayRepeat: verdict.mayRepeat } : verdict;
}

function isTimeUp(ended: TransportResult, deadline: Deadline, tookMs: number): boolean {
  if (ended.kind === 'failed')
    return ended.error instanceof HttpError && ended.error.code === 'DEADLINE_EXCEEDED';
  const { status } = ended.value;
  if (status !== 503 && status !== 504) return false;
  // A callee waits for a database connection for half of the time that it is given.
  const waitedMs = problemIn(ended.value)?.code === 'DATABASE_BUSY' ? tookMs : 0;
  return deadline.remainingMs() - waitedMs < GIVEN_UP_EARLY_MS;
}

export function judgeResponse(response: Received): Verdict {
  const { status, isFinal } = response;
  if (status === 429) return NOTHING;
  if (status === 503 && problemIn(response)?.code === 'OVERLOADED') return isFinal ? NOTHING : SHED;
  if (isGatewayFailure(status)) return isFinal ? FINAL_FAILURE : GATEWAY_FAILURE;
  // 501: the method is unknown there, which is the caller's mistake.
  return status >= 500 && status !== 501 ? FAILURE : SUCCESS;
}

/** @param signal of the call: what fails because the caller gave up says nothing about the endpoint */
export function judgeError(error: unknown, signal: AbortSignal): Verdict {
  if (error instanceof HttpError) {
    if (error.code === 'DEADLINE_EXCEEDED') return TIMEOUT;
    if (!signal.aborted && error.code === 'BAD_UPSTREAM') return GATEWAY_FAILURE;
  }
  return NOTHING;
}
