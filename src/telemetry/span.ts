// The contract of tracing: spans and how they begin. otlp-tracing.ts implements it with OpenTelemetry,
// tracing.ts without an export. spans.ts defines the names and attributes of each kind of span.
import type { TraceContext } from '../scope.js';

export type SpanKind = 'server' | 'client' | 'internal';

/**
 * Attributes by name. Names are those of https://opentelemetry.io/docs/specs/semconv/ wherever it has one.
 */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** One piece of work in a trace. A span that is not kept has the same methods, which then do nothing. */
export interface SpanHandle {
  /**
   * The context that is passed on, as the parent of calls made within this span. Reading its ids may create
   * them.
   */
  readonly context: TraceContext;
  /** False: the span is not kept, so work that is only needed for attributes can be skipped. */
  readonly recording: boolean;
  setAttribute(name: string, value: string | number | boolean): void;
  /**
   * Ends the span. Later calls do nothing.
   * @param errorType marks the span as failed: a code of errors.ts or the class of the error, never free text
   * @param message detail for the reader of the trace; secrets in it are masked
   */
  end(errorType?: string, message?: string): void;
}

/** The trace header fields of an incoming request. */
export interface IncomingTrace {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /**
   * Whether the sender's sampled flag is followed (RECEIVE_TRACE_FLAGS). Its trace id is continued in any
   * case.
   */
  readonly trusted: boolean;
}

export interface Tracing {
  /** False when nothing is exported: no span is recorded, but trace contexts are still passed on. */
  readonly enabled: boolean;
  /**
   * Begins the server span of a request and decides first whether the trace is kept. An unsampled request
   * costs one small object; its ids are made when they are first read.
   * @param describe returns name and attributes; called only when the span is recorded
   */
  receive(incoming: IncomingTrace, describe: () => SpanStart): SpanHandle;
  /** Begins a span. @param parent undefined: a new trace begins, sampled by the settings */
  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes?: SpanAttributes,
  ): SpanHandle;
  /** Sends the spans that have ended. Never rejects: a failure is logged. */
  flush(): Promise<void>;
  /** Flushes and stops, within a few seconds. Never rejects. */
  shutdown(): Promise<void>;
}

export interface SpanStart {
  readonly name: string;
  readonly attributes: SpanAttributes;
}

/** The thread that exports spans. */
export interface TracingIdentity {
  /** Number of the worker; 0 for the primary. */
  readonly worker: number;
  /** Unique per process start; becomes `service.instance.id`. */
  readonly instanceId: string;
}
