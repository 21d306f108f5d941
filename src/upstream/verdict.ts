// The verdict on an attempt: what a response, or the lack of one, shows about the endpoint, and whether the
// request may be repeated. Responses to bad requests (4xx) are successes of the endpoint. With 429 and
// OVERLOADED it protects itself: counting them would open the breaker of an endpoint that works. Gateway
// failures (502, 503, 504) and broken connections may be repeated at another endpoint, unless the callee only
// passes on the failure of a call that it made itself. Such a failure is final, because it was repeated
// there: three layers that make three attempts each would turn one call into 27.
//
// Only a request that may be executed twice is repeated, unless it has certainly not been executed: when no
// connection could be made, or when the runtime of the callee asserts it.
import type { Deadline } from '../deadline.js';
import { HttpError, isGatewayFailure } from '../errors.js';
import { RequestBodyError } from '../request-body-error.js';
import type { AttemptOutcome } from '../resilience/policy.js';
import type { Received } from './transport.js';
import {
  DisplacedError,
  HandshakeError,
  isUnsent,
  NoPortError,
  OversizedError,
  OversizedHeaderError,
  ThreadEndsError,
  UnreachedError,
} from './transport-errors.js';

export interface Verdict {
  /** The outcome for the breaker. */
  readonly outcome: AttemptOutcome;
  /** The outcome for outlier ejection: only the lack of a response from the service itself is a failure. */
  readonly reached: AttemptOutcome;
  /** Whether another attempt may help. */
  readonly mayRepeat: boolean;
  /**
   * Whether no handler has got the request, so that it may be repeated whatever its method.
   * @default false
   */
  readonly hasNotRun?: boolean;
  /** Whether a deadline passed that a caller had shortened; see `Deadline.isShortened`. */
  readonly isUntimely?: boolean;
  /**
   * Whether the attempt was ended before there was a response. Where other endpoints need less time, that
   * counts as a failure for outlier ejection; see outliers.ts.
   */
  readonly isUnanswered?: boolean;
  /**
   * Whether the response was larger than is accepted. Where other endpoints send none that is, it counts in
   * the same way.
   */
  readonly isOversized?: boolean;
}

const SUCCESS: Verdict = { outcome: 'success', reached: 'success', mayRepeat: false };
/** The endpoint has an error, but it responds. */
const FAILURE: Verdict = { outcome: 'failure', reached: 'success', mayRepeat: false };
const GATEWAY_FAILURE: Verdict = { outcome: 'failure', reached: 'failure', mayRepeat: true };
const UNREACHED: Verdict = { ...GATEWAY_FAILURE, hasNotRun: true };
const FINAL_FAILURE: Verdict = { ...GATEWAY_FAILURE, mayRepeat: false };
const TIMEOUT: Verdict = { outcome: 'failure', reached: 'failure', mayRepeat: false, isUnanswered: true };
/** The end of the attempt shows nothing about the endpoint, and the request must not be repeated. */
const NOTHING: Verdict = { outcome: 'ignored', reached: 'ignored', mayRepeat: false };
/** The caller has ended the attempt. Whether the endpoint was too slow, only others can show. */
const LEFT: Verdict = { ...NOTHING, isUnanswered: true };
const OVERSIZED: Verdict = { ...NOTHING, isOversized: true };
const OVERSIZED_HEADER: Verdict = { ...OVERSIZED, mayRepeat: true };
/** The endpoint was withdrawn before the request was sent to it; see `isDisplaced` in call-attempt.ts. */
const DISPLACED: Verdict = { ...NOTHING, mayRepeat: true, hasNotRun: true };
/** The endpoint has rejected the request because of overload: another one may admit it. */
const SHED: Verdict = { outcome: 'ignored', reached: 'ignored', mayRepeat: true };
/**
 * This machine makes no connection to it, while it may make one to others. The endpoint is not to blame, so
 * its breaker does not count that; but it would get most calls, because it has the fewest running.
 */
const NOT_CONNECTED: Verdict = { outcome: 'ignored', reached: 'failure', mayRepeat: true, hasNotRun: true };
/**
 * It has closed the connection to slow down this process. One that does so all the time would get most calls,
 * because it has the fewest running, so it is ejected like one that cannot be reached.
 */
const REFUSED: Verdict = { outcome: 'ignored', reached: 'failure', mayRepeat: true };

/**
 * A caller that gives up after this time, by its own `AbortSignal.timeout`, has waited long enough: the
 * endpoint hangs, whatever others do. A shorter one may only be the rest of what the caller has for several
 * calls.
 */
export const HANGS_MS = 1_000;

/**
 * A 503 or 504 this shortly before a deadline was caused by it: callees may give up early, so that they can
 * still respond, and each hop rounds the remaining time down.
 */
const GIVEN_UP_EARLY_MS = 60;

/** The result of a transport: a response, or the error when there is none. */
export type TransportResult =
  | { readonly kind: 'returned'; readonly value: Received }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The part of a signal or of another source of aborts that a verdict depends on. */
type Aborted = Pick<AbortSignal, 'aborted'>;

/**
 * @param signal that of the attempt @param deadline that of the call @param tookMs duration of the attempt
 * @param wasSent false: it has only waited for a connection
 */
export function judge(
  result: TransportResult,
  signal: Aborted,
  deadline: Deadline,
  tookMs: number,
  wasSent = true,
): Verdict {
  const left = wasSent ? LEFT : NOTHING;
  if (result.kind === 'failed') {
    const { error } = result;
    if (error instanceof RequestBodyError || isUnsent(error)) return NOTHING;
    if (isLate(error) && deadline.isAhead) return left;
    if (isTimeout(error)) return wasSent && tookMs >= HANGS_MS ? TIMEOUT : left;
    if (signal.aborted && !isLate(error) && !isBroken(error)) return left;
  }
  const verdict = result.kind === 'returned' ? judgeResponse(result.value) : judgeError(result.error, signal);
  if (!deadline.isShortened || !isTimeUp(result, deadline, tookMs)) return verdict;
  return { ...verdict, outcome: 'ignored', reached: 'ignored', isUntimely: true };
}

/**
 * The verdict on a body that was cut off after its response had begun. A reader that leaves, or is late,
 * shows nothing about the endpoint while bytes arrive: the body may be long, or the reader slow. One that has
 * waited in vain shows what a caller without a response does.
 * @param waitedMs for how long the reader had waited in vain
 */
export function judgeBody(
  result: TransportResult,
  signal: Aborted,
  deadline: Deadline,
  waitedMs: number,
): Verdict {
  const error = result.kind === 'failed' ? result.error : undefined;
  const verdict = judge(result, signal, deadline, waitedMs);
  // A reader may also cancel the body alone.
  if (waitedMs >= HANGS_MS)
    return verdict === NOTHING && !(error instanceof RequestBodyError) ? LEFT : verdict;
  return isLate(error) ? NOTHING : answered(verdict);
}

/** There was a response, or it is not known whether there could have been one. */
const answered = (verdict: Verdict): Verdict =>
  verdict.isUnanswered === true ? { ...verdict, isUnanswered: false } : verdict;

/**
 * The verdict when the calling thread has missed most of the time: the lack of a response then shows nothing
 * about the endpoint.
 */
export function withoutEvidence(verdict: Verdict): Verdict {
  const seen = answered(verdict);
  return seen.reached === 'failure' ? { ...seen, outcome: 'ignored', reached: 'ignored' } : seen;
}

function isTimeUp(result: TransportResult, deadline: Deadline, tookMs: number): boolean {
  if (result.kind === 'failed') return isLate(result.error);
  const { status } = result.value;
  if (status !== 503 && status !== 504) return false;
  // A callee waits for a database connection only for half of its time, so DATABASE_BUSY comes early. The
  // time that it has waited counts as passed.
  const waitedMs = result.value.problem?.code === 'DATABASE_BUSY' ? tookMs : 0;
  return deadline.remainingMs() - waitedMs < GIVEN_UP_EARLY_MS;
}

export function judgeResponse(response: Received): Verdict {
  const verdict = verdictOf(response);
  return response.notExecuted ? { ...verdict, hasNotRun: true } : verdict;
}

function verdictOf(response: Received): Verdict {
  const { status, isFinal, isRefusal } = response;
  if (isRefusal) return REFUSED;
  if (status === 429) return NOTHING;
  if (status === 503 && response.problem?.code === 'OVERLOADED') return isFinal ? NOTHING : SHED;
  if (isGatewayFailure(status)) return isFinal ? FINAL_FAILURE : GATEWAY_FAILURE;
  // Only a circle of calls makes such a response; each of them would count as a failure.
  if (status === 500 && isFinal) return NOTHING;
  // 501 means that the callee does not know the method, which is a mistake of the caller.
  return status >= 500 && status !== 501 ? FAILURE : SUCCESS;
}

/** @param signal that of the call: a failure because the caller left shows nothing about the endpoint */
export function judgeError(error: unknown, signal: Aborted): Verdict {
  if (isLate(error)) return TIMEOUT;
  if (error instanceof OversizedHeaderError) return OVERSIZED_HEADER;
  if (error instanceof OversizedError) return OVERSIZED;
  if (error instanceof DisplacedError) return DISPLACED;
  if (error instanceof HandshakeError || error instanceof ThreadEndsError) return NOTHING;
  if (error instanceof NoPortError) return NOT_CONNECTED;
  if (!isBroken(error) || signal.aborted) return NOTHING;
  return error instanceof UnreachedError ? UNREACHED : GATEWAY_FAILURE;
}

const isBroken = (error: unknown): boolean => error instanceof HttpError && error.code === 'BAD_UPSTREAM';

/** Whether a signal of `AbortSignal.timeout` has ended the call. */
const isTimeout = (error: unknown): boolean => error instanceof DOMException && error.name === 'TimeoutError';

/** Whether the endpoint has got the request, and not responded before the deadline. */
export const isLate = (error: unknown): boolean =>
  error instanceof HttpError && error.code === 'DEADLINE_EXCEEDED' && !isUnsent(error);
