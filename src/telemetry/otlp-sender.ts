// Sends the requests of one signal to its collector, one at a time, and counts what does not arrive. A
// request has OTEL_EXPORTER_OTLP_TIMEOUT (default 10 s) with all its repetitions. What was not accepted then
// is dropped.
import type { StepBound } from '../countdown.js';
import { counted } from '../counted.js';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import { dropReasonOf } from './dropped-spans.js';
import { exportFailed, type OtlpDropReason } from './export-failure.js';
import type { Log } from './log.js';
import { type Encoding, OtlpConnection, type OtlpTarget, rejectedOf } from './otlp-connection.js';
import type { OtlpSignal } from './otlp-options.js';
import type { OtlpSdk } from './otlp-sdk.js';

export type CountItems = (reason: OtlpDropReason, items: number) => void;

/** What became of a request that was not accepted. */
export interface Dropped {
  readonly reason: OtlpDropReason;
  /** Sending the next request is worthless: the collector gave no reply in time, or none that is final. */
  readonly isWorthless: boolean;
}

const REASONS: readonly OtlpDropReason[] = [
  'queue_full',
  'refused',
  'timeout',
  'unreachable',
  'shutdown',
  'unreadable',
];
/** At most one line is logged in this time while the collector does not accept what is sent. */
const QUIET_MS = 60_000;
/**
 * How long the last export may take when the process ends. What is stopped after it needs its time: the
 * process is taken off the list of instances, and PostgreSQL is stopped.
 */
export const LAST_EXPORT: StepBound = { atMostMs: 1_000, reserveMs: 2_100, atLeastMs: 40 };

/** @returns a function that counts dropped items; every reason is shown as 0 until it first occurs */
export function droppedItems(recorder: Recorder, signal: OtlpSignal): CountItems {
  const counters = new Map<OtlpDropReason, Counter>(
    REASONS.map((reason) => [
      reason,
      recorder.counter('multilane_otlp_items_dropped_total', { signal, reason }),
    ]),
  );
  return (reason, items) => counters.get(reason)!.add(items);
}

export class OtlpSender<Request, Response> {
  readonly #target: OtlpTarget;
  readonly #connect: () => OtlpConnection<Request, Response>;
  readonly #dropped: CountItems;
  readonly #log: Pick<Log, 'warn'>;
  #connection: OtlpConnection<Request, Response>;
  #quietUntil = Number.NEGATIVE_INFINITY;
  #suppressed = 0;
  /** Items that are being sent. */
  #sending = 0;
  #isAbandoned = false;

  constructor(
    sdk: OtlpSdk,
    target: OtlpTarget,
    encoding: Encoding<Request, Response>,
    deps: { readonly dropped: CountItems; readonly log: Pick<Log, 'warn'> },
  ) {
    this.#target = target;
    this.#dropped = deps.dropped;
    this.#log = deps.log;
    this.#connect = () => new OtlpConnection(sdk, target, encoding);
    this.#connection = this.#connect();
  }

  /**
   * Sends one request. Resolves when it was accepted or dropped; never rejects.
   * @param items data points or log records in it
   * @returns undefined when the collector has accepted it
   */
  async send(request: Request, items: number): Promise<Dropped | undefined> {
    if (this.#isAbandoned) {
      this.#dropped('shutdown', items);
      return { reason: 'shutdown', isWorthless: true };
    }
    this.#sending = items;
    if (!this.#connection.isOpen) this.#connection = this.#connect();
    try {
      const { error, rejected } = await this.#connection.send(request);
      if (error !== undefined) return this.#failed(error, items);
      this.#rejected(rejected, items);
      return undefined;
    } catch (error) {
      this.unreadable(items, error);
      return { reason: 'unreadable', isWorthless: false };
    } finally {
      this.#sending = 0;
    }
  }

  /** Counts and reports items that cannot be written. */
  unreadable(items: number, error: unknown): void {
    this.#dropped('unreadable', items);
    this.#report('unreadable', error instanceof Error ? error : undefined);
  }

  /** Counts what is being sent, and what is sent from now on, as dropped. */
  abandon(): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    if (this.#sending > 0) this.#dropped('shutdown', this.#sending);
    this.#connection.abort(new Error('the process ends'));
  }

  #failed(error: Error, items: number): Dropped {
    if (this.#isAbandoned) return { reason: 'shutdown', isWorthless: true }; // it is counted already
    const reason = dropReasonOf(error);
    this.#dropped(reason, items);
    this.#report(reason, error);
    // An error of the package without a status stands for one that allowed repetitions until the end.
    const isFinal = reason === 'refused' && (error as { readonly code?: unknown }).code !== undefined;
    return { reason, isWorthless: !isFinal };
  }

  #rejected(claimed: number, items: number): void {
    const rejected = rejectedOf(claimed, items);
    if (rejected === 0) return;
    this.#dropped('refused', rejected);
    this.#report(
      'refused',
      new Error(`the collector has rejected ${counted(rejected, 'item')} of a request`),
    );
  }

  #report(why: OtlpDropReason, error: Error | undefined): void {
    const now = performance.now();
    if (now < this.#quietUntil) {
      this.#suppressed++;
      return;
    }
    const { signal, endpoint } = this.#target;
    const fields = { reason: error?.message || error?.name, suppressed: this.#suppressed };
    this.#log.warn(fields, exportFailed(signal, endpoint, why));
    this.#quietUntil = now + QUIET_MS;
    this.#suppressed = 0;
  }
}
