// Warnings about routes with options that cannot have their effect because of the settings. Such routes are
// allowed, but they are likely a mistake.
import { largestBody } from '../config/cross-checks.js';
import type { Settings } from '../config.js';
import type { RouteInfo } from '../server/handler.js';

/**
 * Warns of routes with a `bodyLimit` above what one client may have buffered. There is no warning for routes
 * without a schema of their body: they may read it as a stream, which is not buffered.
 */
export function routeWarnings(
  routes: readonly RouteInfo[],
  { maxBufferedBodyBytes }: Pick<Settings, 'maxBufferedBodyBytes'>,
): readonly string[] {
  const most = largestBody(maxBufferedBodyBytes);
  return routes
    .filter(({ options: { body, bodyLimit = 0 } }) => body !== undefined && bodyLimit > most)
    .map(
      ({ service, method, template, options: { bodyLimit } }) =>
        `service ${service}, route ${method} ${template}: a body of its bodyLimit (${bodyLimit} bytes) is always refused ` +
        `with 503, because one client may hold ${most} bytes of MAX_BUFFERED_BODY_BYTES (${maxBufferedBodyBytes}) at most; ` +
        'make the one smaller or the other larger',
    );
}
