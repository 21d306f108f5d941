// The contract of what keeps spans once they are sampled: an exporter (otlp-tracing.ts), or the log of spans
// of this process alone (span-log.ts).
import type { TraceContext } from '../scope.js';
import type { SpanAttributes, SpanHandle, SpanKind, SpanLink } from './span.js';

export interface KeptSpan {
  readonly name: string;
  readonly kind: SpanKind;
  /** Undefined: a trace begins, with an id that other samplers of the same ratio keep too. */
  readonly parent: TraceContext | undefined;
  /** Whether the parent is a span of another process, or of another request. */
  readonly isRemote: boolean;
  readonly attributes: SpanAttributes;
  readonly links: readonly SpanLink[] | undefined;
  /** The highest sampling word, not included, of the traces that are kept now. */
  readonly bound: number;
}

export interface SpanKeeper {
  begin(span: KeptSpan): SpanHandle;
  /** Never rejects. */
  flush(): Promise<void>;
  /** Never rejects. */
  shutdown(): Promise<void>;
}
