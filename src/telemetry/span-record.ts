// A finished span as it is kept in shared memory: a JSON array, bounded in length. Code of services runs in
// the threads that write, so what is read is checked.
import { MAX_RECORD } from '../memory/span-ring.js';
import type { AttributeValue, SpanKind, SpanLink } from './span.js';

export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the first span of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds of the shared clock. */
  readonly begunAt: number;
  /** The same in milliseconds since 1970, by the wall clock at its end. It is only shown. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** Undefined: the span has not failed. */
  readonly errorType: string | undefined;
  readonly message: string | undefined;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly links: readonly SpanLink[];
  readonly worker: number;
}

const KINDS = ['internal', 'server', 'client'] as const satisfies readonly SpanKind[];
const MAX_NAME = 256;
const MAX_TEXT = 512;
const MAX_ATTRIBUTES = 32;
const MAX_LINKS = 4;
/** The latest time that a `Date` can have. */
export const MOST_DATE = 8.64e15;
const CUT = { 'multilane.truncated': true } as const;

/** Milliseconds with three decimals. */
const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
const short = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);

/** The bytes of a record, which fit into a ring. Attributes that make it too long are omitted. */
export function writeSpanRecord(span: SpanRecord): Uint8Array {
  const { attributes } = span;
  const whole = bytesOf(span, isShort(attributes) ? attributes : shortened(attributes));
  return whole.length <= MAX_RECORD ? whole : bytesOf(span, CUT);
}

/** Almost all attributes are short, so they are not copied. */
function isShort(attributes: SpanRecord['attributes']): boolean {
  let count = 0;
  for (const name in attributes) {
    const value = attributes[name];
    if (++count > MAX_ATTRIBUTES || name.length > MAX_NAME) return false;
    if (typeof value === 'string' && value.length > MAX_TEXT) return false;
  }
  return true;
}

function shortened(attributes: SpanRecord['attributes']): SpanRecord['attributes'] {
  const all = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const kept = all
    .slice(0, MAX_ATTRIBUTES)
    .map(([name, value]) => [
      short(name, MAX_NAME),
      typeof value === 'string' ? short(value, MAX_TEXT) : value,
    ]);
  return { ...Object.fromEntries(kept), ...(all.length > MAX_ATTRIBUTES && CUT) };
}

function bytesOf(span: SpanRecord, attributes: SpanRecord['attributes']): Uint8Array {
  return Buffer.from(
    JSON.stringify([
      span.traceId,
      span.spanId,
      span.parentSpanId ?? 0,
      short(span.name, MAX_NAME),
      KINDS.indexOf(span.kind),
      rounded(span.begunAt),
      rounded(span.durationMs),
      span.errorType === undefined ? 0 : short(span.errorType, MAX_NAME),
      span.message === undefined ? 0 : short(span.message, MAX_TEXT),
      attributes,
      span.links.slice(0, MAX_LINKS).map(({ traceId, spanId }) => [traceId, spanId]),
      span.worker,
      rounded(span.startedAt),
    ]),
  );
}

const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;

/** @returns undefined for anything that `writeSpanRecord` did not write */
export function readSpanRecord(text: string): SpanRecord | undefined {
  const members = parsed(text);
  if (members === undefined) return undefined;
  const [
    traceId,
    spanId,
    parent,
    name,
    kind,
    begunAt,
    durationMs,
    error,
    message,
    attributes,
    links,
    worker,
    startedAt,
  ] = members;
  const isKnown = isId(traceId, TRACE_ID) && isId(spanId, SPAN_ID) && typeof name === 'string';
  if (!isKnown || !isAmount(begunAt) || !isAmount(durationMs) || !isAmount(worker)) return undefined;
  if (!isAmount(startedAt) || startedAt > MOST_DATE) return undefined;
  const known = KINDS[kind as number];
  if (known === undefined) return undefined;
  return {
    traceId,
    spanId,
    parentSpanId: isId(parent, SPAN_ID) ? parent : undefined,
    name,
    kind: known,
    begunAt,
    startedAt,
    durationMs,
    errorType: typeof error === 'string' ? error : undefined,
    message: typeof message === 'string' ? message : undefined,
    attributes: attributesOf(attributes),
    links: linksOf(links),
    worker,
  };
}

function parsed(text: string): readonly unknown[] | undefined {
  try {
    const members: unknown = JSON.parse(text);
    return Array.isArray(members) ? members : undefined;
  } catch {
    return undefined;
  }
}

const isId = (value: unknown, form: RegExp): value is string => typeof value === 'string' && form.test(value);
const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

function attributesOf(value: unknown): Record<string, AttributeValue> {
  if (typeof value !== 'object' || value === null) return {};
  const isPlain = ([, one]: [string, unknown]): boolean =>
    ['string', 'number', 'boolean'].includes(typeof one);
  return Object.fromEntries(Object.entries(value).filter(isPlain)) as Record<string, AttributeValue>;
}

function linksOf(value: unknown): SpanLink[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((link: unknown) => {
    const [traceId, spanId] = Array.isArray(link) ? (link as unknown[]) : [];
    return isId(traceId, TRACE_ID) && isId(spanId, SPAN_ID) ? [{ traceId, spanId }] : [];
  });
}
