// Spans that are not kept. Almost every request gets one, so they cost one small object, and their ids are
// made when they are first read: by a log line, or by a call to another service.
import type { TraceContext } from '../scope.js';
import { parseTraceparent } from './propagation.js';
import type { SpanHandle } from './span.js';
import type { TraceIds } from './trace-ids.js';

/** A span within a trace that is not kept. It passes on its parent's context unchanged. */
export class Unrecorded implements SpanHandle {
  readonly recording = false;
  readonly context: TraceContext;

  constructor(context: TraceContext) {
    this.context = context;
  }

  setAttribute(): void {}
  end(): void {}
}

/** The span of a request or background job whose trace is not kept. It is its own context. */
export class UnsampledRequest implements SpanHandle, TraceContext {
  readonly recording = false;
  readonly sampled = false;
  readonly #ids: TraceIds;
  readonly #samplingWord: number;
  readonly #traceparent: string | undefined;
  readonly #tracestate: string | undefined;
  #known: TraceContext | undefined;

  constructor(
    ids: TraceIds,
    samplingWord: number,
    traceparent: string | undefined,
    tracestate: string | undefined,
  ) {
    this.#ids = ids;
    this.#samplingWord = samplingWord;
    this.#traceparent = traceparent;
    this.#tracestate = tracestate;
  }

  get context(): TraceContext {
    return this;
  }

  get traceId(): string {
    return this.#resolve().traceId;
  }

  get spanId(): string {
    return this.#resolve().spanId;
  }

  get tracestate(): string | undefined {
    return this.#resolve().tracestate;
  }

  setAttribute(): void {}
  end(): void {}

  #resolve(): TraceContext {
    if (this.#known === undefined) {
      const parent = parseTraceparent(this.#traceparent, this.#tracestate);
      this.#known = {
        traceId: parent?.traceId ?? this.#ids.traceId(this.#samplingWord),
        spanId: this.#ids.spanId(),
        sampled: false,
        tracestate: parent?.tracestate,
      };
    }
    return this.#known;
  }
}
