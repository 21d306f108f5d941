// Routes whose options the settings make impossible. They are allowed, and likely a mistake.
import { largestBody } from '../config/cross-checks.js';
import type { Settings } from '../config.js';
import type { RouteInfo } from '../server/handler.js';

/**
 * Warns of routes with a `bodyLimit` above what one client may have buffered. Routes without a schema of
 * their body are left alone: they may read it as a stream, which that bound does not hold for.
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
