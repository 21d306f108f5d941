// Trace context as it travels in HTTP header fields: https://www.w3.org/TR/trace-context/.
import type { TraceContext } from '../scope.js';

/** version "-" trace-id "-" parent-id "-" trace-flags; later versions may append "-…" (section 3.2.4). */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const SAMPLED = 0x01;

/**
 * Longest `tracestate` that is passed on; a longer one is dropped entirely. Section 3.3.1.5 requires at least
 * this length.
 */
const TRACESTATE_BYTES = 512;
const TRACESTATE_MEMBERS = 32;
/** What a list may consist of: white space between its members is spaces and tabs (section 3.3.1.3). */
const ASCII_LIST = /^[\t\x20-\x7e]*$/;
/**
 * One list member: a key (simple or tenant@system), `=`, and a printable value without comma and equals sign.
 */
const MEMBER =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * @param tracestate the values of all fields of this name, joined by commas
 * @returns undefined when the field is absent or invalid: a new trace without tracestate is started
 */
export function parseTraceparent(
  traceparent: string | undefined,
  tracestate?: string,
): TraceContext | undefined {
  if (traceparent === undefined) return undefined;
  const match = TRACEPARENT.exec(traceparent.trim());
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return {
    traceId: traceId!,
    spanId: spanId!,
    sampled: (Number.parseInt(flags!, 16) & SAMPLED) !== 0,
    tracestate: acceptTracestate(tracestate),
  };
}

/**
 * The unchanged members of a list that is valid and short enough (section 3.3.1), without the white space
 * between them: HTTP and gRPC can send every result.
 * @returns undefined for any other text
 */
export function acceptTracestate(value: string | undefined): string | undefined {
  if (value === undefined || value.length > TRACESTATE_BYTES || !ASCII_LIST.test(value)) return undefined;
  const keys = new Set<string>();
  const members: string[] = [];
  for (const item of value.split(',')) {
    const member = item.trim();
    if (member === '') continue;
    if (!MEMBER.test(member)) return undefined;
    const key = member.slice(0, member.indexOf('='));
    if (keys.has(key)) return undefined;
    keys.add(key);
    members.push(member);
  }
  return members.length === 0 || members.length > TRACESTATE_MEMBERS ? undefined : members.join(',');
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`;
}

/** Adds `traceparent` and, if there is one, `tracestate` to the fields of an outgoing request. */
export function injectTrace(context: TraceContext, headers: Record<string, string>): void {
  headers.traceparent = formatTraceparent(context);
  if (context.tracestate !== undefined) headers.tracestate = context.tracestate;
}
