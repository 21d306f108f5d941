// Starts tracing in a thread, and implements it for the case that no span is kept.
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import type { TraceContext } from '../scope.js';
import { loadOtelSdk } from './otel-sdk.js';
import { otlpKeeper } from './otlp-tracing.js';
import { parseTraceparent } from './propagation.js';
import { SampledTracing } from './sampled-tracing.js';
import { DEFAULT_SAMPLER, type HeadSampler, headSampler } from './sampler.js';
import type { IncomingTrace, SpanHandle, SpanKind, SpanStart, Tracing, TracingIdentity } from './span.js';
import { LogKeeper, type SpanLog } from './span-log.js';
import { TraceIds } from './trace-ids.js';
import { Unrecorded, UnsampledRequest } from './unrecorded.js';

export interface TracingDeps {
  readonly log: Logger;
  /** Records the spans that do not reach the collector. */
  readonly recorder: Recorder;
  /**
   * Returns the current sampling bound (see `HeadSampler`) and is called for each trace that begins here.
   * @default always the bound of the settings
   */
  readonly bound?: () => number;
  /**
   * Keeps the latest spans in this process, for its operator.
   * @default only a collector gets spans
   */
  readonly spanLog?: SpanLog;
}

/**
 * Starts tracing for this thread. Spans are exported when an endpoint is set, and none are kept when
 * OTEL_SDK_DISABLED is. An unknown sampler is logged and replaced by the default, as the OpenTelemetry
 * specification requires.
 */
export function initTracing(
  settings: Pick<Settings, 'otel'>,
  identity: TracingIdentity,
  { log, recorder, bound, spanLog }: TracingDeps,
): Tracing {
  const { disabled, endpoint, sampler, samplerArg } = settings.otel;
  const ids = new TraceIds();
  if (disabled || (endpoint === undefined && spanLog === undefined)) return new PassingTracing(ids);
  let head = headSampler(sampler, samplerArg);
  if (head === undefined) {
    log.warn({ sampler }, `unknown OTEL_TRACES_SAMPLER, using ${DEFAULT_SAMPLER}`);
    head = headSampler(DEFAULT_SAMPLER, samplerArg)!;
  }
  if (bound !== undefined) head = switched(head, bound);
  const keeper =
    endpoint === undefined
      ? new LogKeeper(ids, spanLog!)
      : otlpKeeper(loadOtelSdk(), {
          otel: settings.otel,
          endpoint,
          identity,
          sampler: head,
          ids,
          log,
          recorder,
          spanLog,
        });
  return new SampledTracing(ids, head, keeper);
}

const switched = ({ followsParent }: HeadSampler, bound: () => number): HeadSampler => ({
  followsParent,
  get bound() {
    return bound();
  },
});

/**
 * Tracing that keeps no span: contexts are passed on with the sampled flags of trusted senders.
 */
class PassingTracing implements Tracing {
  readonly enabled = false;
  readonly #ids: TraceIds;

  constructor(ids: TraceIds) {
    this.#ids = ids;
  }

  samples(): boolean {
    return false;
  }

  keep(incoming: IncomingTrace, _start: SpanStart): SpanHandle {
    return this.unsampled(incoming);
  }

  unsampled({ traceparent, tracestate, trusted }: IncomingTrace): SpanHandle {
    const parent = trusted ? parseTraceparent(traceparent, tracestate) : undefined;
    if (parent?.sampled) return new Unrecorded(parent);
    return new UnsampledRequest(this.#ids, this.#ids.word(), traceparent, tracestate);
  }

  begin(_name: string, _kind: SpanKind, parent: TraceContext | undefined): SpanHandle {
    if (parent !== undefined) return new Unrecorded(parent);
    return new UnsampledRequest(this.#ids, this.#ids.word(), undefined, undefined);
  }

  async flush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
