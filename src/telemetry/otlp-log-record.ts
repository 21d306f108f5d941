// Converts a line of the log into a log record of OTLP. The line is the JSON text that the logger has made,
// so secrets in it are masked already and its size is bounded.
import type { SeverityNumber } from '@opentelemetry/api-logs';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { exactly } from './exact-number.js';
import { renamed } from './log-keys.js';
import { hrTime, SCOPE } from './otlp-metrics.js';

/** `SeverityNumber` and `SeverityText` of OpenTelemetry, by the level of pino. */
const SEVERITIES: Readonly<Record<number, readonly [number: number, text: string]>> = {
  10: [1, 'TRACE'],
  20: [5, 'DEBUG'],
  30: [9, 'INFO'],
  40: [13, 'WARN'],
  50: [17, 'ERROR'],
  60: [21, 'FATAL'],
};
const INFO = SEVERITIES[30]!;
/** Times are nanoseconds in 64 bits. Later ones (2262) are no times of a logger. */
const LATEST_MS = 2 ** 63 / 1e6;

type Attributes = ReadableLogRecord['attributes'];

/** @returns undefined for a text that is no line of the logger */
export function logRecordOf(
  line: string,
  resource: Resource,
  observed: number,
): ReadableLogRecord | undefined {
  const fields = parsed(line);
  if (fields === undefined) return undefined;
  const { level, time, msg, pid: _pid, hostname: _host, trace_id, span_id, err, ...rest } = fields;
  const [severityNumber, severityText] = SEVERITIES[Number(level)] ?? INFO;
  const at = typeof time === 'number' && time >= 0 && time < LATEST_MS ? time : observed;
  const spanContext = spanContextOf(trace_id, span_id);
  return {
    hrTime: hrTime(at),
    hrTimeObserved: hrTime(observed),
    severityNumber: severityNumber as SeverityNumber,
    severityText,
    body: typeof msg === 'string' ? msg : '',
    attributes: attributesOf(rest, msg, err),
    droppedAttributesCount: 0,
    resource,
    instrumentationScope: SCOPE,
    ...(spanContext !== undefined && { spanContext }),
  };
}

/**
 * A text that does not match has no number that `exactly` changes: those have 16 digits or an exponent.
 * Almost no line matches, and to parse one with a function for each member takes three times as long.
 */
const MAY_BE_INEXACT = /[[:,]\s*-?(?:[\d.]{16}|[\d.]+e)/i;

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = MAY_BE_INEXACT.test(line)
      ? JSON.parse(line, (_name, member: unknown) => exactly(member))
      : JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // the caller counts it
  }
}

function spanContextOf(traceId: unknown, spanId: unknown): ReadableLogRecord['spanContext'] {
  if (typeof traceId !== 'string' || !/^[0-9a-f]{32}$/.test(traceId)) return undefined;
  if (typeof spanId !== 'string' || !/^[0-9a-f]{16}$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: 0 };
}

/** Attributes of the runtime, whose names no field of the caller keeps. */
const OWN = ['multilane.service', 'multilane.worker', 'multilane.logger'] as const;

/** The fields that the runtime adds have the names that spans have for them. No other field replaces them. */
function attributesOf(
  { service, worker, logger, ...others }: Readonly<Record<string, unknown>>,
  msg: unknown,
  err: unknown,
): Attributes {
  const own = {
    ...(service !== undefined && { [OWN[0]]: service }),
    ...(worker !== undefined && { [OWN[1]]: worker }),
    ...(logger !== undefined && { [OWN[2]]: logger }),
    // Only a text is shown as the body.
    ...(msg !== undefined && typeof msg !== 'string' && { msg }),
    ...exceptionOf(err),
  };
  return { ...renamed(others, [...OWN, ...Object.keys(own)]), ...own } as Attributes;
}

/** The attributes of an exception, by the member of the error that has their text. */
const EXCEPTION: ReadonlyMap<string, string> = new Map([
  ['type', 'exception.type'],
  ['message', 'exception.message'],
  ['stack', 'exception.stacktrace'],
]);

/** https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/ */
function exceptionOf(err: unknown): Attributes {
  if (typeof err !== 'object' || err === null) return err === undefined ? {} : ({ err } as Attributes);
  const exception: Record<string, unknown> = {};
  const others: [name: string, value: unknown][] = [];
  for (const [name, value] of Object.entries(err)) {
    const attribute = typeof value === 'string' ? EXCEPTION.get(name) : undefined;
    if (attribute === undefined) others.push([name, value]);
    else exception[attribute] = value;
  }
  if (others.length > 0) exception.err = Object.fromEntries(others);
  return exception as Attributes;
}
