// What the end of an attempt shows, and its report to the breaker, the outlier ejection and the load of the
// endpoint.
import type { Breaker } from '../resilience/breaker-contract.js';
import type { AttemptOutcome } from '../resilience/policy.js';
import type { AdmittedEndpoint } from './endpoint-admission.js';
import type { ReportTaker } from './load-report.js';
import { type ComparedRoute, NOT_WATCHED, type OutlierWatch } from './outliers.js';
import type { Verdict } from './verdict.js';

/**
 * Counts the calls of this thread, and what endpoints report, as load of their endpoints
 * (memory/endpoint-cells.ts).
 */
export interface LoadMeter extends ReportTaker {
  begin(slot: number): void;
  end(slot: number): void;
  /** A call has succeeded after this time. */
  observe(slot: number, microseconds: number): void;
  /** A call has failed because of the endpoint, or of the way to it. */
  failed(slot: number): void;
  /** A call has ended after this time without a response, so its latency would have been greater. */
  unanswered(slot: number, microseconds: number): void;
}

export interface OutcomeDependencies {
  readonly breaker: Breaker;
  /** @default none: no endpoint is ejected */
  readonly outliers?: OutlierWatch;
  readonly load: LoadMeter;
  /**
   * A success that took this many milliseconds or more counts as a failure; 0: no call is too slow.
   * @default 0
   */
  readonly slowCallMs?: number;
}

/** What the end of an attempt shows. */
export interface Judgement {
  readonly verdict: Verdict;
  /** By the clock of attempts. */
  readonly ended: number;
  readonly tookMs: number;
  /** The part of `tookMs` after the whole body of the request was sent. */
  readonly ownMs: number;
  /** The part of `tookMs` that this thread has missed. */
  readonly missedMs: number;
  /** False: it is not known how much of the time was that of a client who sent a body. */
  readonly isTimed: boolean;
  /** Which endpoints the call might use. */
  readonly route: ComparedRoute;
}

/** The outcome for the breaker. */
export function breakerOutcome(
  { verdict, ownMs, missedMs, isTimed }: Judgement,
  slowCallMs = 0,
): AttemptOutcome {
  // A success that took longer than `slowCallMs` counts as a failure, so a call that ended without a result
  // after that time counts as one as well, whatever its deadline was.
  const mayBeSlow = verdict.outcome === 'success' || verdict.isUntimely === true;
  const isLong = isTimed && mayBeSlow && slowCallMs > 0 && ownMs >= slowCallMs;
  if (!isLong) return verdict.outcome;
  return ownMs - missedMs >= slowCallMs ? 'failure' : 'ignored';
}

/** Reports what an attempt shows about its endpoint to the breaker, the ejection and the load. */
export function settle(
  { breaker, outliers = NOT_WATCHED, load, slowCallMs }: OutcomeDependencies,
  { endpoint, ticket }: AdmittedEndpoint,
  judgement: Judgement,
  isProbeSettled: boolean,
): void {
  const { verdict, ended, ownMs, missedMs, isTimed, route } = judgement;
  if (!isProbeSettled) breaker.settle(endpoint.slot, ticket, breakerOutcome(judgement, slowCallMs), ended);
  const takenMs = Math.max(0, ownMs - missedMs);
  const isUnanswered = isTimed && verdict.isUnanswered === true;
  const isOutlying =
    verdict.reached === 'ignored' &&
    ((isUnanswered && outliers.unanswered(endpoint, takenMs, route)) ||
      (verdict.isOversized === true && outliers.oversized(endpoint, route)));
  if (!isOutlying) outliers.ended(endpoint, verdict.reached);
  // A quick failure or refusal must not make an endpoint look fast.
  if (verdict.outcome === 'success') {
    if (isTimed) load.observe(endpoint.slot, takenMs * 1000);
    return;
  }
  if (isUnanswered) load.unanswered(endpoint.slot, takenMs * 1000);
  if (isOutlying || verdict.outcome === 'failure' || verdict.reached === 'failure')
    load.failed(endpoint.slot);
}
