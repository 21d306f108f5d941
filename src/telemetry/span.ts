// The contract of tracing: what one traced piece of work is, and how it is begun. tracing.ts implements it on
// OpenTelemetry, spans.ts knows what attributes each kind of work carries.
import type { TraceContext } from '../scope.js';

export type SpanKind = 'server' | 'client' | 'internal';

/** Names from https://opentelemetry.io/docs/specs/semconv/ wherever it has one. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** One piece of work in a trace. Always usable: one that nobody keeps ignores what it is told. */
export interface SpanHandle {
  /** What travels on: the parent of calls made within. Reading its ids may create them. */
  readonly context: TraceContext;
  /** False: nothing is kept, so skip work that only feeds attributes. */
  readonly recording: boolean;
  setAttribute(name: string, value: string | number | boolean): void;
  /**
   * Call once; later calls do nothing.
   * @param errorType marks the span as failed: a code of errors.ts or the class of the failure, never free
   *   text
   * @param message detail for the reader of the trace; no secrets
   */
  end(errorType?: string, message?: string): void;
}

/** The trace fields of an incoming request, as they came. */
export interface IncomingTrace {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** Whether the sender's sampled flag counts (RECEIVE_TRACE_FLAGS). Its trace id is continued anyway. */
  readonly trusted: boolean;
}

export interface Tracing {
  /** False when nothing is exported: no span is ever recorded, trace contexts still travel. */
  readonly enabled: boolean;
  /**
   * Whether this thread keeps a trace that arrives so is decided here, before anything is created: an
   * unsampled request costs one small object, and its ids are made when somebody reads them.
   * @param describe called only when the span is recorded
   */
  receive(incoming: IncomingTrace, describe: () => SpanStart): SpanHandle;
  /** @param parent undefined: a new trace, sampled as the settings say */
  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes?: SpanAttributes,
  ): SpanHandle;
  /** Sends what has gathered. Never rejects: a failure is logged. */
  flush(): Promise<void>;
  /** Flushes and stops, within a few seconds. Never rejects. */
  shutdown(): Promise<void>;
}

export interface SpanStart {
  readonly name: string;
  readonly attributes: SpanAttributes;
}

/** Who exports. */
export interface TracingIdentity {
  /** Row of this thread: 0 primary. */
  readonly worker: number;
  /** Unique per process start; becomes `service.instance.id`. */
  readonly instanceId: string;
}
