// The environment variable that configures uWebSockets.js.
import type { Settings } from '../config.js';

/**
 * Raises the core's limit for the head of a request from 4096 bytes to twice the sum of MAX_HEADER_BYTES and
 * MAX_URL_BYTES. These two can then be checked by us: a head that is slightly too large gets a problem
 * document, and only a larger one gets the core's own page. The addon reads the variable when it is first
 * loaded in the process, so this must be called in the primary before that.
 */
export function widenCoreLimits(settings: Pick<Settings, 'maxHeaderBytes' | 'maxUrlBytes'>): void {
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(2 * (settings.maxHeaderBytes + settings.maxUrlBytes));
}
