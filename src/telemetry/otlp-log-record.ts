// Converts a line of the log into a log record of OTLP. The line is the JSON text that the logger has made,
// so secrets in it are masked already and its size is bounded.
import type { SeverityNumber } from '@opentelemetry/api-logs';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
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
  const at = typeof time === 'number' && Number.isFinite(time) ? time : observed;
  const spanContext = spanContextOf(trace_id, span_id);
  return {
    hrTime: hrTime(at),
    hrTimeObserved: hrTime(observed),
    severityNumber: severityNumber as SeverityNumber,
    severityText,
    body: typeof msg === 'string' ? msg : '',
    attributes: { ...named(rest), ...exceptionOf(err) },
    droppedAttributesCount: 0,
    resource,
    instrumentationScope: SCOPE,
    ...(spanContext !== undefined && { spanContext }),
  };
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
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

/** The fields that the runtime adds have the names that spans have for them. */
function named(fields: Readonly<Record<string, unknown>>): Attributes {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const isOwn = name === 'service' || name === 'worker';
    attributes[isOwn ? `multilane.${name}` : name] = value;
  }
  return attributes as Attributes;
}

/** https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/ */
function exceptionOf(err: unknown): Attributes {
  if (typeof err !== 'object' || err === null) return err === undefined ? {} : ({ err } as Attributes);
  const { type, message, stack, ...others } = err as Record<string, unknown>;
  return {
    ...(typeof type === 'string' && { 'exception.type': type }),
    ...(typeof message === 'string' && { 'exception.message': message }),
    ...(typeof stack === 'string' && { 'exception.stacktrace': stack }),
    ...(Object.keys(others).length > 0 && { err: others as Attributes }),
  };
}
