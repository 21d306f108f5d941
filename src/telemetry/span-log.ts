// The latest spans of this process, without a collector: each thread writes its finished spans into a ring of
// shared memory (span-ring.ts), where the primary reads them for its operator.
import { shownErrorType } from '../error-type.js';
import type { Clock } from '../memory/clock.js';
import { type RingOfSpans, SpanRingWriter } from '../memory/span-ring.js';
import { maskText } from '../redaction/secret-texts.js';
import { shortText } from '../redaction/shown-text.js';
import type { TraceContext } from '../scope.js';
import type { AttributeValue, SpanHandle } from './span.js';
import type { KeptSpan, SpanKeeper } from './span-keeper.js';
import { type SpanRecord, writeSpanRecord } from './span-record.js';
import { withoutSecret, withoutSecrets } from './span-secrets.js';
import type { TraceIds } from './trace-ids.js';

/** Writes the finished spans of one thread. */
export class SpanLog {
  readonly clock: Clock;
  readonly #ring: SpanRingWriter;
  readonly #worker: number;

  /** @param clock the shared clock */
  constructor(memory: RingOfSpans, worker: number, clock: Clock) {
    this.#ring = new SpanRingWriter(memory);
    this.#worker = worker;
    this.clock = clock;
  }

  /**
   * Adds a span that ends now. Its time of day is kept as it is now: a later step of the wall clock does not
   * move it.
   * @param span its texts are without secrets
   */
  add(span: Omit<SpanRecord, 'worker' | 'startedAt'>): void {
    const startedAt = Math.max(0, Date.now() - (this.clock() - span.begunAt));
    this.#ring.push(writeSpanRecord({ ...span, startedAt, worker: this.#worker }));
  }
}

const WORDS = 2 ** 32;

/** Keeps spans in the log alone: for a process without a collector. */
export class LogKeeper implements SpanKeeper {
  readonly #ids: TraceIds;
  readonly #log: SpanLog;

  constructor(ids: TraceIds, log: SpanLog) {
    this.#ids = ids;
    this.#log = log;
  }

  begin(span: KeptSpan): SpanHandle {
    const { parent, bound } = span;
    const ids = this.#ids;
    const traceId = parent?.traceId ?? ids.traceId(Math.floor((ids.word() / WORDS) * bound));
    return new LoggedSpan(this.#log, span, { traceId, spanId: ids.spanId() });
  }

  async flush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

class LoggedSpan implements SpanHandle {
  readonly recording = true;
  readonly context: TraceContext;
  readonly #log: SpanLog;
  readonly #span: KeptSpan;
  readonly #begunAt: number;
  #attributes: Record<string, AttributeValue>;
  #hasEnded = false;

  constructor(log: SpanLog, span: KeptSpan, ids: Pick<TraceContext, 'traceId' | 'spanId'>) {
    this.#log = log;
    this.#span = span;
    this.#begunAt = log.clock();
    this.#attributes = withoutSecrets(span.attributes);
    this.context = { ...ids, sampled: true, tracestate: span.parent?.tracestate };
  }

  setAttribute(name: string, value: AttributeValue): void {
    if (!this.#hasEnded) this.#attributes[name] = withoutSecret(name, value);
  }

  end(errorType?: string, message?: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { name, kind, parent, links = [] } = this.#span;
    const { traceId, spanId } = this.context;
    const type = errorType === undefined ? undefined : shownErrorType(errorType);
    if (type !== undefined) this.#attributes['error.type'] = type;
    this.#log.add({
      traceId,
      spanId,
      parentSpanId: parent?.spanId,
      name: maskText(name),
      kind,
      begunAt: this.#begunAt,
      durationMs: this.#log.clock() - this.#begunAt,
      errorType: type,
      message: message === undefined ? undefined : shortText(message),
      attributes: this.#attributes,
      links,
    });
  }
}
