// Parses and checks a registration, which is the JSON body of a client's `PUT`: names, numbers and sizes.
// addresses.ts checks the address. Unknown members are ignored, so that newer clients can use older
// registries.
import { isIP } from 'node:net';
import { type FieldError, ValidationError } from '../errors.js';
import { pointerTo } from '../problem.js';
import { isServiceName, SERVICE_NAME } from '../service-name.js';
import { type Endpoint, originOf } from './endpoint.js';

export interface Registration extends Omit<Endpoint, 'state' | 'slot' | 'local'> {
  /**
   * The instance expires when it is not renewed for this number of seconds. With 0 it never expires, and then
   * it must have a health check.
   */
  readonly ttlSeconds: number;
  /** The path or absolute URL that was registered. */
  readonly healthCheckUrl: string | null;
  /** The path and query of `healthCheckUrl`. */
  readonly healthCheckPath: string | null;
}

/** Databases do not admit NUL in text, nor half of a character. */
const NOT_STORABLE = /[\0\p{Surrogate}]/u;
const INSTANCE_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** A URL with such a segment names another path (RFC 3986 section 5.2.4), so clients could not reach it. */
const DOTS = /^\.{1,2}$/;
const HOST_LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const PRINTABLE_TEXT = /^[\x20-\x7e]{1,128}$/;
const DEFAULT_TTL_SECONDS = 30;
const MAX_TTL_SECONDS = 3600;
const MAX_WEIGHT = 65_535;
const MAX_METADATA_ENTRIES = 32;
const MAX_METADATA_BYTES = 4096;
const MAX_URL_CHARACTERS = 2048;

/**
 * @param body the JSON that the client sent, of any shape
 * @throws ValidationError that names every wrong member
 */
export function parseRegistration(service: string, id: string, body: unknown): Registration {
  const errors: FieldError[] = [];
  const wrong = (path: string, message: string): undefined => {
    errors.push({ path, message });
    return undefined;
  };
  checkName(service, id, wrong);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    wrong('', 'must be an object');
    throw new ValidationError(errors);
  }
  const given = body as Readonly<Record<string, unknown>>;
  const host = hostOf(given.host) ?? wrong('/host', 'must be an IP address or a host name');
  const port = integer(given.port, 1, 65_535) ?? wrong('/port', 'must be an integer from 1 to 65535');
  const protocol = given.protocol ?? 'http';
  if (protocol !== 'http' && protocol !== 'grpc') wrong('/protocol', 'must be "http" or "grpc"');
  const weight =
    integer(given.weight ?? 1, 1, MAX_WEIGHT) ??
    wrong('/weight', `must be an integer from 1 to ${MAX_WEIGHT}`);
  const ttlSeconds =
    integer(given.ttlSeconds ?? DEFAULT_TTL_SECONDS, 0, MAX_TTL_SECONDS) ??
    wrong('/ttlSeconds', `must be an integer from 0 to ${MAX_TTL_SECONDS}`);
  const metadata = metadataOf(given.metadata, wrong);
  const healthCheckPath =
    given.healthCheckUrl === undefined || given.healthCheckUrl === null
      ? null
      : (healthPathOf(given.healthCheckUrl, host, port, metadata) ??
        wrong('/healthCheckUrl', 'must be a path, or a URL with the scheme, host and port of the instance'));
  if (ttlSeconds === 0 && healthCheckPath === null) {
    wrong('/ttlSeconds', 'may be 0 only with a healthCheckUrl');
  }
  const zone = optionalText(given.zone, '/zone', wrong);
  const version = optionalText(given.version, '/version', wrong);
  if (errors.length > 0) throw new ValidationError(errors);
  return {
    service,
    id,
    host: host!,
    port: port!,
    protocol: protocol as Endpoint['protocol'],
    weight: weight!,
    zone,
    version,
    metadata,
    ttlSeconds: ttlSeconds!,
    healthCheckUrl: (given.healthCheckUrl ?? null) as string | null,
    healthCheckPath: healthCheckPath!,
  };
}

/**
 * @param body what another process has announced, of any shape
 * @returns the id of the registration that it comes from, or null
 */
export function registrationIdOf(body: unknown): string | null {
  const { registrationId } = (body ?? {}) as { readonly registrationId?: unknown };
  return typeof registrationId === 'string' && INSTANCE_ID.test(registrationId) ? registrationId : null;
}

/** @throws ValidationError */
export function assertInstanceName(service: string, id: string): void {
  const errors: FieldError[] = [];
  checkName(service, id, (path, message) => void errors.push({ path, message }));
  if (errors.length > 0) throw new ValidationError(errors);
}

/** @throws ValidationError */
export function assertServiceName(service: string): void {
  assertInstanceName(service, '-');
}

/**
 * Notes that the member at a path (JSON pointer) is wrong. It returns undefined, so that callers can write
 * `value ?? wrong(…)`.
 */
type Wrong = (path: string, message: string) => undefined;

function checkName(service: string, id: string, wrong: (path: string, message: string) => void): void {
  if (!isServiceName(service)) wrong('/service', `must match ${SERVICE_NAME.source}`);
  if (!INSTANCE_ID.test(id)) wrong('/id', `must match ${INSTANCE_ID.source}`);
  else if (DOTS.test(id)) wrong('/id', 'must not be "." or "..", which no URL can name');
}

/**
 * Some parsers read `127.1`, `0x7f000001` and `2130706433` as addresses, others read them as names. Therefore
 * a text whose last label is a number is refused, unless it is an address in the usual notation (WHATWG URL,
 * "ends in a number").
 * @returns the host in lower case; undefined unless it is an address or a name
 */
function hostOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 253) return undefined;
  if (isIP(value) !== 0) return value.includes('%') ? undefined : value.toLowerCase();
  const labels = value.split('.');
  if (!labels.every((label) => HOST_LABEL.test(label))) return undefined;
  return /^(\d+|0x[0-9a-f]*)$/i.test(labels.at(-1)!) ? undefined : value.toLowerCase();
}

/**
 * @returns the path and query of a health check; undefined when the value is neither a path nor a URL with
 *   the origin of the instance
 */
function healthPathOf(
  value: unknown,
  host: string | undefined,
  port: number | undefined,
  metadata: Endpoint['metadata'],
): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL_CHARACTERS || !/^[\x21-\x7e]+$/.test(value)) {
    return undefined;
  }
  if (host === undefined || port === undefined) return undefined;
  const origin = originOf({ host, port, metadata });
  // The path is appended to the origin first: "//other/" and "/\other" are then paths and name no other host.
  const text = value.startsWith('/') ? origin + value : value;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const same = url.origin === new URL(origin).origin && url.username === '' && url.password === '';
  return same && url.hash === '' ? url.pathname + url.search : undefined;
}

function integer(value: unknown, from: number, to: number): number | undefined {
  return Number.isInteger(value) && (value as number) >= from && (value as number) <= to
    ? (value as number)
    : undefined;
}

function optionalText(value: unknown, path: string, wrong: Wrong): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && PRINTABLE_TEXT.test(value)) return value;
  wrong(path, 'must be 1 to 128 printable ASCII characters');
  return null;
}

function metadataOf(value: unknown, wrong: Wrong): Readonly<Record<string, string>> {
  const metadata = Object.create(null) as Record<string, string>;
  if (value === undefined || value === null) return metadata;
  if (typeof value !== 'object' || Array.isArray(value)) {
    wrong('/metadata', 'must be an object of strings');
    return metadata;
  }
  // In one order, so that the same registration is the same text, whatever has stored it meanwhile.
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  if (entries.length > MAX_METADATA_ENTRIES) {
    wrong('/metadata', `has more than ${MAX_METADATA_ENTRIES} entries`);
    return metadata;
  }
  let bytes = 0;
  for (const [name, text] of entries) {
    if (typeof text !== 'string' || NOT_STORABLE.test(name + text))
      wrong(`/metadata${pointerTo(name)}`, 'must be a string of Unicode characters without NUL');
    else {
      metadata[name] = text;
      bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    }
  }
  if (bytes > MAX_METADATA_BYTES) wrong('/metadata', `is larger than ${MAX_METADATA_BYTES} bytes`);
  return metadata;
}
