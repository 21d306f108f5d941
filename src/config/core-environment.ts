// The one thing that uWebSockets.js takes from the environment.
import type { Settings } from '../config.js';

/**
 * Widens the core's limit for a request's head, 4096 bytes otherwise, so that MAX_HEADER_BYTES and
 * MAX_URL_BYTES can be checked by us and refused with a problem document. Twice their sum: a head somewhat
 * too large still gets our answer, one beyond gets the core's own page. The addon reads this once, when it is
 * loaded for the first time in the process: so call it in the primary, before.
 */
export function widenCoreLimits(settings: Pick<Settings, 'maxHeaderBytes' | 'maxUrlBytes'>): void {
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(2 * (settings.maxHeaderBytes + settings.maxUrlBytes));
}
