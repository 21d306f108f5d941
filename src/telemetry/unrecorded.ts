// Spans that this process does not record. Almost every request gets one, so a span costs one small object,
// and its ids are made when they are first read: by a log line, or by a call to another service.
import type { TraceContext } from '../scope.js';
import { parseTraceparent } from './propagation.js';
import type { SpanHandle } from './span.js';
import type { TraceIds } from './trace-ids.js';

/** A span with a parent. It passes on the context of the parent unchanged, its sampled flag included. */
export class Unrecorded implements SpanHandle {
  readonly recording = false;
  readonly context: TraceContext;

  constructor(context: TraceContext) {
    this.context = context;
  }

  setAttribute(): void {}
  end(): void {}
}

/**
 * The first span of a request or background job whose trace is not sampled. It continues the trace of a
 * `traceparent`, or begins one. It is its own context, so that the ids can be made later.
 */
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
    /** The random word by which a new trace was not sampled: its id is made to agree with that decision. */
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
