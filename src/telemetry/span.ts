// The contract of tracing: spans and how they begin. sampled-tracing.ts implements it for a thread that keeps
// spans, tracing.ts for one that keeps none. spans.ts defines the names and attributes of each kind of span.
import type { TraceContext } from '../scope.js';

export type SpanKind = 'server' | 'client' | 'internal';

/**
 * Attributes by name. Names are those of https://opentelemetry.io/docs/specs/semconv/ wherever it has one.
 */
export type SpanAttributes = Readonly<Record<string, AttributeValue | undefined>>;

export type AttributeValue = string | number | boolean;

/** Points to a span of which this one is no child, although it has to do with it. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** One piece of work in a trace. A span that is not kept has the same methods, which then do nothing. */
export interface SpanHandle {
  /**
   * The context that is passed on, as the parent of calls made within this span. Reading its ids may create
   * them.
   */
  readonly context: TraceContext;
  /** False: the span is not kept, so work that is only needed for attributes can be skipped. */
  readonly recording: boolean;
  setAttribute(name: string, value: AttributeValue): void;
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
  /** False when no span is kept, but trace contexts are still passed on. */
  readonly enabled: boolean;
  /** Decides whether the server span of a request is kept. It creates nothing. Call it once for a request. */
  samples(incoming: IncomingTrace): boolean;
  /** Begins the server span of a request, once `samples` has decided for it. */
  keep(incoming: IncomingTrace, start: SpanStart): SpanHandle;
  /** The span of any other request. Its ids are made when they are first read. */
  unsampled(incoming: IncomingTrace): SpanHandle;
  /** Begins a span. @param parent undefined: a new trace begins, sampled by the settings */
  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes?: SpanAttributes,
    links?: readonly SpanLink[],
  ): SpanHandle;
  /** Sends the spans that have ended. Never rejects: a failure is logged. */
  flush(): Promise<void>;
  /** Flushes and stops, within a few seconds. Never rejects. */
  shutdown(): Promise<void>;
}

export interface SpanStart {
  readonly name: string;
  readonly attributes: SpanAttributes;
  readonly links?: readonly SpanLink[];
}

/** The thread that exports spans. */
export interface TracingIdentity {
  /** Number of the worker; 0 for the primary. */
  readonly worker: number;
  /** Unique per process start; becomes `service.instance.id`. */
  readonly instanceId: string;
}
