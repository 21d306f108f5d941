// The methods that are known here. Every other is 501, except that mounted applications get those with an
// ordinary name. The core itself accepts any bytes as a method.
import type { HttpError } from '../../errors.js';
import { ServerRefusal } from '../server-refusal.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const KNOWN: ReadonlyMap<string, string> = new Map(METHODS.map((method) => [method, method]));
const WITHOUT_BODY: ReadonlySet<string> = new Set(['HEAD', 'DELETE', 'OPTIONS']);

// Most requests are GET, and comparing is faster than hashing a string that is new for every request.
export const isKnownMethod = (method: string): boolean => method === 'GET' || KNOWN.has(method);

/**
 * Stands for all other methods in routes, metrics and switches (OpenTelemetry has the same name): clients may
 * invent any number of them.
 */
export const OTHER_METHOD = '_OTHER';

/** Methods have names in upper case. These are refused, as a `Request` of the fetch standard refuses them. */
const OTHER = /^(?!(?:CONNECT|TRACE|TRACK)$)[A-Z][A-Z0-9_-]{0,31}$/;

/** Whether a mounted application gets a method, beside the known ones: PROPFIND, QUERY, PURGE … */
export const isOtherMethod = (method: string): boolean => !isKnownMethod(method) && OTHER.test(method);

/**
 * Returns the one string of each known method, in place of a string that is new for every request: two of
 * these are compared by their addresses.
 */
export const uniqueMethod = (method: string): string =>
  method === 'GET' ? 'GET' : (KNOWN.get(method) ?? method);

/**
 * True for methods whose requests announce a body, even an empty one (RFC 9110 section 8.6). Any method that
 * is not known here may be one of them: QUERY, PROPFIND, REPORT …
 */
export const expectsBody = (method: string): boolean => method !== 'GET' && !WITHOUT_BODY.has(method);

export const methodUnknown = (): HttpError =>
  new ServerRefusal('METHOD_UNKNOWN', 'This method is not known here.');
