// Sends the requests of one signal to its collector, one at a time, and counts what does not arrive. The
// package of OpenTelemetry repeats a request that may be repeated, with growing pauses, until its time is
// over (OTEL_EXPORTER_OTLP_TIMEOUT, default 10 s). What was not accepted then is dropped.
import type { IExporterMetricsHelper, ISerializer } from '@opentelemetry/otlp-transformer';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import { type DropReason, dropReasonOf } from './dropped-spans.js';
import type { Log } from './log.js';
import type { OtlpSdk } from './otlp-sdk.js';

export type OtlpSignal = 'metrics' | 'logs';
export type OtlpProtocol = 'http/json' | 'http/protobuf';

export interface OtlpTarget {
  readonly signal: OtlpSignal;
  /** The full URL, with the path of the signal. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: OtlpProtocol;
}

/** How requests of a signal are written. */
export interface Encoding<Request, Response> {
  readonly serializer: ISerializer<Request, Response>;
  readonly helper: IExporterMetricsHelper<Request>;
  /** Items that the collector has rejected although it accepted the request (partial success). */
  readonly rejectedIn: (response: Response) => number;
}

export type CountItems = (reason: OtlpDropReason, items: number) => void;
export type OtlpDropReason = DropReason | 'unreadable';

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
  readonly #delegate: ReturnType<OtlpSdk['http']['createOtlpHttpExportDelegate']>;
  readonly #dropped: CountItems;
  readonly #log: Pick<Log, 'warn'>;
  #quietUntil = Number.NEGATIVE_INFINITY;
  #suppressed = 0;
  /** Items that are being sent. */
  #sending = 0;
  #isAbandoned = false;

  constructor(
    { http }: OtlpSdk,
    target: OtlpTarget,
    { serializer, helper, rejectedIn }: Encoding<Request, Response>,
    deps: { readonly dropped: CountItems; readonly log: Pick<Log, 'warn'> },
  ) {
    const { endpoint: url, headers, protocol, signal } = target;
    this.#target = target;
    this.#dropped = deps.dropped;
    this.#log = deps.log;
    const type = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf';
    const options = http.convertLegacyHttpOptions(
      { url, headers: { ...headers } },
      signal.toUpperCase(),
      `v1/${signal}`,
      { 'Content-Type': type },
    );
    const counting: ISerializer<Request, Response> = {
      serializeRequest: (request) => serializer.serializeRequest(request),
      deserializeResponse: (data) => {
        const response = serializer.deserializeResponse(data);
        this.#rejected(rejectedIn(response));
        return response;
      },
    };
    this.#delegate = http.createOtlpHttpExportDelegate(
      options,
      counting,
      `multilane_${signal}`,
      helper,
      undefined,
    ) as ReturnType<OtlpSdk['http']['createOtlpHttpExportDelegate']>;
  }

  /**
   * Sends one request. Resolves when it was accepted or dropped; never rejects.
   * @param items data points or log records in it
   * @returns whether the collector has accepted it
   */
  async send(request: Request, items: number): Promise<boolean> {
    if (this.#isAbandoned) {
      this.#dropped('shutdown', items);
      return false;
    }
    this.#sending = items;
    try {
      return await this.#sent(request, items);
    } catch (error) {
      // The package cannot write the request: an item is nested too deeply, for example.
      this.#sending = 0;
      this.#dropped('unreadable', items);
      this.#report(error instanceof Error ? error : undefined);
      return false;
    }
  }

  #sent(request: Request, items: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#delegate.export(request, ({ code, error }) => {
        const isKnown = this.#sending > 0;
        this.#sending = 0;
        if (code !== SUCCESS && isKnown) {
          this.#dropped(dropReasonOf(error), items);
          this.#report(error);
        }
        resolve(code === SUCCESS);
      });
    });
  }

  /** Counts what is being sent, and what is sent from now on, as dropped. */
  abandon(): void {
    this.#isAbandoned = true;
    if (this.#sending > 0) this.#dropped('shutdown', this.#sending);
    this.#sending = 0;
  }

  #rejected(items: number): void {
    if (!Number.isSafeInteger(items) || items <= 0) return;
    this.#dropped('refused', items);
    this.#report(new Error(`the collector has rejected ${items} items of a request`));
  }

  #report(error: Error | undefined): void {
    const now = performance.now();
    if (now < this.#quietUntil) {
      this.#suppressed++;
      return;
    }
    const { signal, endpoint } = this.#target;
    const fields = { reason: error?.message || error?.name, suppressed: this.#suppressed };
    this.#log.warn(
      fields,
      `export of ${signal} to ${withoutSecrets(endpoint)} failed; what was not sent is dropped and counted`,
    );
    this.#quietUntil = now + QUIET_MS;
    this.#suppressed = 0;
  }
}

/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const SUCCESS = 0;

/** The address without user, password and query, which may have secrets. */
function withoutSecrets(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return origin + pathname;
}
