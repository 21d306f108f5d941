// The routes of recent traces: the sampled ones of this process, without a collector.
import { HttpError, NotFoundError, ValidationError } from '../errors.js';
import { Pace } from '../telemetry/pace.js';
import type { AttributeValue } from '../telemetry/span.js';
import { MOST_DATE, type SpanRecord } from '../telemetry/span-record.js';
import type { RecentTrace, TraceStore } from '../telemetry/trace-store.js';
import { type AdminRoute, JSON_UTF8 } from './admin-route.js';
import { jsonList } from './json-list.js';
import type { OperatorSwitches } from './operator-switches.js';
import { wholeNumberIn } from './query-number.js';

export interface TraceRoutesOptions {
  readonly store: TraceStore;
  /** The template of a route that was declared with this path; undefined: there is none. */
  readonly templateOf?: (path: string) => string | undefined;
  readonly sampling: () => Pick<OperatorSwitches['sampling'], 'ratio' | 'recording'>;
}

const LIMIT = { default: 100, max: 500 };
const MAX_SEARCH = 200;
/** Spans between two looks at the time. A span may have tens of attributes of some hundred characters. */
const PIECE = 16;

export function traceRoutes({ store, templateOf, sampling }: TraceRoutesOptions): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/traces',
      query: ['limit', 'cursor', 'minMs', 'status', 'route', 'search'],
      handler: async ({ query }) => {
        const filter = filterOf(query, templateOf);
        const traces = await store.recent();
        const page = await pageOf(traces, filter, store);
        const { ratio, recording } = sampling();
        return { status: 200, json: { ...page, isRecording: recording, sampled: ratio } };
      },
    },
    {
      method: 'GET',
      path: '/traces/:traceId',
      handler: async ({ params }) => {
        const trace = await store.get(params.traceId ?? '');
        if (trace === undefined) {
          throw new NotFoundError(
            'No span of this trace is here: it was not sampled, or newer traces have displaced it. ' +
              'The list of traces shows those that are here; raise the switch `sampling` to record more.',
          );
        }
        const wall = wallTime(trace);
        const spans = [...trace.spans].sort((a, b) => a.begunAt - b.begunAt);
        const { traceId, leftOut } = trace;
        const isIncomplete = store.isIncomplete(trace, trace.top);
        const views = viewsOf(spans, wall);
        const begin = `{"traceId":"${traceId}","spansLeftOut":${leftOut},"isIncomplete":${isIncomplete},"spans":[`;
        return { status: 200, bytes: await jsonList(begin, views, ']}'), headers: JSON_UTF8 };
      },
    },
  ];
}

/** Searches in several turns of the event loop. Traces that are displaced meanwhile are omitted. */
async function pageOf(traces: readonly RecentTrace[], filter: Filter, store: TraceStore) {
  const items: TraceSummary[] = [];
  const search = new PacedSearch();
  let last: Position | undefined;
  for (const trace of traces) {
    const rest = search.looksAt(trace.spans.size);
    if (rest !== undefined) await rest;
    if (trace.spans.size === 0 || !isBehind(trace, filter.after)) continue;
    const { begunAt, traceId } = trace;
    const summary = summaryOf(trace, store);
    if (!filter.admits(summary)) continue;
    if (filter.search !== '' && !(await search.finds(filter.search, trace))) continue;
    if (items.length === filter.limit) return { items, nextCursor: cursorOf(last!) };
    items.push(summary);
    last = { begunAt, traceId };
  }
  return { items, nextCursor: null };
}

/** A trace may have as many spans as a thousand others together, so turns are measured by spans. */
class PacedSearch {
  readonly #pace = new Pace();
  #left = PIECE;

  /** Call it before work with this number of spans, and await what it returns. */
  looksAt(spans: number): Promise<void> | undefined {
    this.#left -= Math.max(1, spans);
    if (this.#left > 0) return undefined;
    this.#left = PIECE;
    return this.#pace.rest();
  }

  async finds(search: string, { traceId, spans }: RecentTrace): Promise<boolean> {
    if (traceId.startsWith(search)) return true;
    // A copy: spans are added and removed meanwhile.
    for (const span of [...spans]) {
      const rest = this.looksAt(1);
      if (rest !== undefined) await rest;
      if (isFound(span, search)) return true;
    }
    return false;
  }
}

type WallTime = (begunAt: number) => string;

/**
 * Converts times of the shared clock. All times of a trace follow from that of its first span, so that a step
 * of the wall clock between two of its ends does not move its spans against each other.
 */
function wallTime({ first }: RecentTrace): WallTime {
  const { startedAt, begunAt } = first ?? { startedAt: 0, begunAt: 0 };
  // Code of a service may have overwritten the times of a span.
  return (at) => new Date(Math.min(MOST_DATE, startedAt + (at - begunAt))).toISOString();
}

/** One item of `GET /traces`. */
export interface TraceSummary {
  readonly traceId: string;
  readonly name: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly status: 'ok' | 'error';
  readonly httpStatus: number | null;
  readonly spans: number;
  /** It may have other spans, which are not here. */
  readonly isIncomplete: boolean;
  readonly worker: number | null;
  readonly route: string | null;
}

function summaryOf(trace: RecentTrace, store: TraceStore): TraceSummary {
  const { top } = trace;
  const { root } = top;
  const { attributes } = root;
  const status = attributes['http.response.status_code'];
  const route = attributes['http.route'];
  return {
    traceId: trace.traceId,
    name: root.name,
    startedAt: wallTime(trace)(trace.begunAt),
    durationMs: root.durationMs,
    status: root.errorType === undefined ? 'ok' : 'error',
    httpStatus: typeof status === 'number' ? status : null,
    spans: trace.spans.size + trace.leftOut,
    isIncomplete: store.isIncomplete(trace, top),
    worker: root.worker,
    route: typeof route === 'string' ? route : null,
  };
}

export type SpanView = ReturnType<typeof viewOf>;

/** Each is made when it is read. */
function* viewsOf(spans: readonly SpanRecord[], wall: WallTime): Generator<SpanView> {
  for (const span of spans) yield viewOf(span, wall);
}

function viewOf(span: SpanRecord, wall: WallTime) {
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? null,
    name: span.name,
    kind: span.kind,
    startedAt: wall(span.begunAt),
    durationMs: span.durationMs,
    status: span.errorType === undefined ? 'ok' : 'error',
    statusMessage: span.message ?? span.errorType ?? null,
    attributes: span.attributes satisfies Readonly<Record<string, AttributeValue>>,
    links: span.links,
    worker: span.worker,
  };
}

interface Filter {
  readonly limit: number;
  readonly after: Position | undefined;
  /** A text of any span, in lower case; empty: every trace has it. */
  readonly search: string;
  /** Everything but the text. */
  admits(summary: TraceSummary): boolean;
}

/** @throws ValidationError, HttpError BAD_CURSOR */
function filterOf(query: URLSearchParams, templateOf: TraceRoutesOptions['templateOf']): Filter {
  const size = query.get('limit');
  const limit = size === null ? LIMIT.default : wholeNumberIn(size);
  if (!(limit >= 1 && limit <= LIMIT.max)) {
    throw invalid('/limit', `must be a whole number from 1 to ${LIMIT.max}`);
  }
  const minMs = numberIn(query, 'minMs', 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const status = query.get('status');
  if (status !== null && status !== 'ok' && status !== 'error') {
    throw invalid('/status', 'must be ok or error');
  }
  const named = query.get('route');
  const route = named === null ? null : (templateOf?.(named) ?? named);
  const search = query.get('search')?.slice(0, MAX_SEARCH).toLowerCase() ?? '';
  return {
    limit,
    after: positionOf(query.get('cursor')),
    search,
    admits: (summary) =>
      (status === null || summary.status === status) &&
      (route === null || summary.route === route) &&
      summary.durationMs >= minMs,
  };
}

function isFound({ name, errorType = '', attributes }: SpanRecord, search: string): boolean {
  return [name, errorType, ...Object.values(attributes)].some((text) =>
    String(text).toLowerCase().includes(search),
  );
}

function numberIn(query: URLSearchParams, name: string, least: number, most: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = text === '' ? Number.NaN : Number(text);
  if (!(value >= least && value <= most))
    throw invalid(`/${name}`, `must be a number from ${least} to ${most}`);
  return value;
}

const invalid = (path: string, message: string): ValidationError => new ValidationError([{ path, message }]);

/** A place in the list: traces begin before it, or at the same time with a lower id. */
interface Position {
  readonly begunAt: number;
  readonly traceId: string;
}

const CURSOR = /^(\d{1,16}(?:\.\d{1,3})?)-([0-9a-f]{32})$/;

const cursorOf = ({ begunAt, traceId }: Position): string => `${begunAt}-${traceId}`;

function positionOf(cursor: string | null): Position | undefined {
  if (cursor === null) return undefined;
  const [, begunAt, traceId] = CURSOR.exec(cursor) ?? [];
  if (begunAt === undefined || traceId === undefined) {
    throw new HttpError('BAD_CURSOR', 'The cursor is not one that this list returned.');
  }
  return { begunAt: Number(begunAt), traceId };
}

const isBehind = (trace: RecentTrace, after: Position | undefined): boolean =>
  after === undefined ||
  trace.begunAt < after.begunAt ||
  (trace.begunAt === after.begunAt && trace.traceId < after.traceId);
