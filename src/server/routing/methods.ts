// The methods that exist here; everything else is 501. The core itself lets any bytes pass as a method.
import type { HttpError } from '../../errors.js';
import { Refusal } from '../refusal.js';

const KNOWN: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

// Most requests are GET: comparing is quicker than hashing a string that was made a moment ago.
export const isKnownMethod = (method: string): boolean => method === 'GET' || KNOWN.has(method);

/** Requests of these methods announce a body, be it an empty one (RFC 9110 section 8.6). */
export const expectsBody = (method: string): boolean => method !== 'GET' && WITH_BODY.has(method);

export const methodUnknown = (): HttpError => new Refusal('METHOD_UNKNOWN', 'This method is not known here.');
