// Keeps secrets out of logs: by the name of a field at any depth, and by two forms that give themselves away
// inside text (a bearer token, the password of a URL).
import { stdSerializers } from 'pino';

export const CENSORED = '[redacted]';
const UNREADABLE = '[unreadable]';

/** Names whose value is a secret whoever logs it. */
export const SECRET_NAMES: readonly string[] = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'token',
  'password',
  'secret',
];
const SECRET = /^(?:proxy-)?authorization$|cookie$|password|passwd|passphrase|secret|token|api[-_]?key$/i;

/** Deeper than this nothing is written: neither a secret nor a line without end. */
const MAX_DEPTH = 8;

/** A copy of a log line's fields without secrets. Errors become what pino makes of them, wherever they are. */
export function redact(fields: object): Record<string, unknown> {
  return copy(fields, 0);
}

/**
 * What pino makes of an error. Where that fails, because the error is frozen or throws when it is looked at, what can be
 * read of its name, message and stack.
 */
export function errorFields(error: Error): object {
  try {
    return stdSerializers.err(error);
  } catch {
    return {
      type: readable(error, 'name'),
      message: readable(error, 'message'),
      stack: readable(error, 'stack'),
    };
  }
}

/** A property, or a word in its place when reading it throws. */
function readable(source: object, name: string): unknown {
  try {
    return (source as Record<string, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
}

function copy(source: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(source)) {
    const value = readable(source, name);
    const hide =
      SECRET.test(name) && (typeof value === 'string' || (typeof value === 'object' && value !== null));
    result[name] = hide ? CENSORED : redactValue(value, depth);
  }
  return result;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
  if (value instanceof Error) return copy(errorFields(value), depth + 1);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  if (value instanceof Map || value instanceof Set) return redactValue([...value], depth);
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  return copy(value, depth + 1);
}

const BEARER = /\b(bearer\s+)[\w.~+/-]{16,}=*/gi;
const URL_PASSWORD = /(:\/\/[^\s/:@"]*:)[^\s/@"]+@/g;

/** Masks secrets inside a finished line. */
export function maskText(line: string): string {
  const masked = line.includes('://') ? line.replace(URL_PASSWORD, `$1${CENSORED}@`) : line;
  return masked.replace(BEARER, `$1${CENSORED}`);
}
