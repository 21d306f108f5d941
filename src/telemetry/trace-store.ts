// The recent traces of this process, as its operator sees them. The primary reads the rings of all threads
// only when it is asked, so it does nothing while no operator looks. It keeps a span for as long as its
// thread does, so the rings bound the store.
import { type RingOfSpans, type SpanMemory, SpanRingReader } from '../memory/span-ring.js';
import { coalescedAfresh } from './coalesced.js';
import { ownTurn } from './pace.js';
import { readSpanRecord, type SpanRecord } from './span-record.js';

/** Records that are parsed in one turn of the event loop: less than a millisecond of work. */
const PER_TURN = 50;
/** More spans than a ring can have. Positions that code of a service has overwritten do not bound them. */
const MOST_SPANS = 4_096;

/** The most spans of one trace that are kept. A span is recorded when it ends, so the latest has the root. */
const MOST_IN_TRACE = 2_000;

/** The latest spans of one trace. */
export class RecentTrace {
  readonly traceId: string;
  readonly spans = new Set<SpanRecord>();
  /** Earlier spans, which the rings still have. */
  leftOut = 0;
  /** Undefined when the span that began first has been removed. */
  #begunAt: number | undefined = Number.POSITIVE_INFINITY;

  constructor(traceId: string) {
    this.traceId = traceId;
  }

  /** When its first span began, on the shared clock. */
  get begunAt(): number {
    this.#begunAt ??= this.first?.begunAt ?? Number.POSITIVE_INFINITY;
    return this.#begunAt;
  }

  /** The span that began first; undefined when all are displaced. */
  get first(): SpanRecord | undefined {
    let first: SpanRecord | undefined;
    for (const span of this.spans) if (first === undefined || span.begunAt < first.begunAt) first = span;
    return first;
  }

  add(span: SpanRecord): void {
    this.spans.add(span);
    if (this.#begunAt !== undefined) this.#begunAt = Math.min(this.#begunAt, span.begunAt);
    if (this.spans.size <= MOST_IN_TRACE) return;
    const [earliest] = this.spans;
    this.#delete(earliest!);
    this.leftOut += 1;
  }

  /** @returns whether that was the last one */
  remove(span: SpanRecord): boolean {
    if (!this.#delete(span)) this.leftOut = Math.max(0, this.leftOut - 1);
    return this.spans.size === 0;
  }

  #delete(span: SpanRecord): boolean {
    if (span.begunAt === this.#begunAt) this.#begunAt = undefined;
    return this.spans.delete(span);
  }

  /** What stands for it in a list. */
  get top(): TopOfTrace {
    const ids = new Set<string>();
    for (const { spanId } of this.spans) ids.add(spanId);
    let root: SpanRecord | undefined;
    let first: SpanRecord | undefined;
    let lacksParent = false;
    for (const span of this.spans) {
      if (first === undefined || span.begunAt < first.begunAt) first = span;
      const { parentSpanId } = span;
      if (parentSpanId !== undefined && ids.has(parentSpanId)) continue;
      lacksParent ||= parentSpanId !== undefined;
      if (root === undefined || span.begunAt < root.begunAt) root = span;
    }
    return { root: root ?? first!, lacksParent };
  }
}

export interface TopOfTrace {
  /** The first span whose parent is not here. */
  readonly root: SpanRecord;
  /** A span has a parent that is not here: it was displaced, has not ended, or is in another process. */
  readonly lacksParent: boolean;
}

/** A time that has not come for none: all spans that were read have been displaced since. */
const endOf = (span: SpanRecord | undefined): number =>
  span === undefined ? Number.POSITIVE_INFINITY : span.begunAt + span.durationMs;

interface Placed {
  readonly at: number;
  readonly span: SpanRecord;
}

/** What is known of the ring of one row. */
interface Source {
  readonly reader: SpanRingReader;
  /** Its spans, the oldest first, from `begin` on. */
  spans: Placed[];
  begin: number;
  /** Every span that newer ones have displaced ended before: spans are recorded when they end. */
  displacedUntil: number;
}

export class TraceStore {
  readonly #memory: SpanMemory;
  readonly #sources = new Map<RingOfSpans, Source>();
  readonly #traces = new Map<string, RecentTrace>();
  /** The latest time of all rings. */
  #displacedUntil = Number.NEGATIVE_INFINITY;
  /** The traces in their order; undefined when it has changed. */
  #sorted: readonly RecentTrace[] | undefined;
  /** Requests at the same time share one reading, which has all spans that ended before. */
  readonly #refresh = coalescedAfresh(() => this.#read());

  constructor(memory: SpanMemory) {
    this.#memory = memory;
  }

  /** The traces, the latest first. */
  async recent(): Promise<readonly RecentTrace[]> {
    await this.#refresh();
    this.#sorted ??= [...this.#traces.values()].sort(
      (a, b) => b.begunAt - a.begunAt || (a.traceId < b.traceId ? 1 : -1),
    );
    return this.#sorted;
  }

  /**
   * Whether the trace may have spans that are not here. Newer ones may have displaced some of a trace that
   * began before the displaced ones ended, also while the rings were not read.
   */
  isIncomplete({ begunAt }: RecentTrace, { lacksParent }: TopOfTrace): boolean {
    return lacksParent || begunAt < this.#displacedUntil;
  }

  async get(traceId: string): Promise<RecentTrace | undefined> {
    await this.#refresh();
    return this.#traces.get(traceId);
  }

  async #read(): Promise<void> {
    let displacedUntil = Number.NEGATIVE_INFINITY;
    for (const [, ring] of this.#memory.all()) {
      let source = this.#sources.get(ring);
      if (source === undefined) {
        const reader = new SpanRingReader(ring);
        source = { reader, spans: [], begin: 0, displacedUntil: Number.NEGATIVE_INFINITY };
        this.#sources.set(ring, source);
      }
      const records = source.reader.take();
      if (records.length > 0) this.#sorted = undefined;
      for (let i = 0; i < records.length; i++) {
        if (i % PER_TURN === PER_TURN - 1) await ownTurn();
        const { at, text } = records[i]!;
        const span = readSpanRecord(text);
        if (span === undefined) continue;
        source.spans.push({ at, span });
        this.#add(span);
      }
      this.#forget(source);
      displacedUntil = Math.max(displacedUntil, source.displacedUntil);
      this.#displacedUntil = Math.max(this.#displacedUntil, displacedUntil);
      if (records.length > 0) await ownTurn();
    }
    // A time that code of a service had overwritten is displaced, too.
    this.#displacedUntil = displacedUntil;
  }

  #add(span: SpanRecord): void {
    let trace = this.#traces.get(span.traceId);
    if (trace === undefined) {
      trace = new RecentTrace(span.traceId);
      this.#traces.set(span.traceId, trace);
    }
    trace.add(span);
  }

  /** Forgets the spans that their thread has overwritten. */
  #forget(source: Source): void {
    const { reader, spans } = source;
    const { first } = reader;
    let { begin } = source;
    for (; begin < spans.length; begin++) {
      const { at, span } = spans[begin]!;
      if (at >= first && spans.length - begin <= MOST_SPANS) break;
      this.#sorted = undefined;
      const trace = this.#traces.get(span.traceId);
      if (trace?.remove(span)) this.#traces.delete(span.traceId);
    }
    if (first > 0) source.displacedUntil = endOf(spans[begin]?.span);
    if (begin * 2 > spans.length) {
      source.spans = spans.slice(begin);
      begin = 0;
    }
    source.begin = begin;
  }
}
