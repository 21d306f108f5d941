// Warnings about routes with options that cannot have their effect. Such routes are allowed, but they are
// likely a mistake.
import { largestBody } from '../config/cross-checks.js';
import type { Settings } from '../config.js';
import { unknownFormats } from '../server/body/formats.js';
import type { RouteInfo } from '../server/handler.js';
import { SYSTEM } from './system-routes.js';

/** Call when all services are mounted: until then a service may register formats for all of them. */
export const routeWarnings = (routes: readonly RouteInfo[], settings: WarningSettings): readonly string[] => [
  ...bodyWarnings(routes, settings),
  ...internalWarnings(routes, settings),
  ...routes.flatMap(formatWarnings),
];

type WarningSettings = Pick<Settings, 'maxBufferedBodyBytes' | 'registry' | 'meshToken'>;

/** Without a mesh token another process is a stranger, for whom an internal route does not exist. */
function internalWarnings(
  routes: readonly RouteInfo[],
  { registry, meshToken }: WarningSettings,
): readonly string[] {
  const internal = routes.filter(({ options }) => options.internal === true);
  if (registry === 'local' || meshToken !== undefined || internal.length === 0) return [];
  return [
    `${nameOf(internal[0]!)}: it is internal, and other processes that share the REGISTRY get 404 for it ` +
      `${internal.length > 1 ? `(and for ${internal.length - 1} others) ` : ''}because MESH_TOKEN is not set; ` +
      'set the same one in all processes',
  ];
}

/**
 * Warns of routes with a `bodyLimit` above what one client may have buffered. There is no warning for routes
 * without a schema of their body: they may read it as a stream, which is not buffered.
 */
function bodyWarnings(
  routes: readonly RouteInfo[],
  { maxBufferedBodyBytes }: Pick<Settings, 'maxBufferedBodyBytes'>,
): readonly string[] {
  const most = largestBody(maxBufferedBodyBytes);
  return routes
    .filter(({ options: { body, bodyLimit = 0 } }) => body !== undefined && bodyLimit > most)
    .map(
      (route) =>
        `${nameOf(route)}: a body of its bodyLimit (${route.options.bodyLimit} bytes) is always refused ` +
        `with 503, because one client may hold ${most} bytes of MAX_BUFFERED_BODY_BYTES (${maxBufferedBodyBytes}) at most; ` +
        'make the one smaller or the other larger',
    );
}

/** No text matches a format that is not registered, so every such request is a 422. */
function formatWarnings(route: RouteInfo): readonly string[] {
  const { params, query, headers, body } = route.options;
  const schemas = [params, query, headers, body].filter((schema) => schema !== undefined);
  return [...new Set(schemas.flatMap(unknownFormats))].map(
    (format) =>
      `${nameOf(route)}: the format "${format}" is not known, so no text matches it; ` +
      'register it by FormatRegistry.Set, with FormatRegistry of "multilane"',
  );
}

/**
 * Says which paths an application mounted at `/` does not get. This is no warning: many applications do not
 * have these paths.
 */
export function hiddenPaths(routes: readonly RouteInfo[]): readonly string[] {
  const mounts = routes.filter(({ mounted, method, path }) => mounted && method === 'GET' && path === '/*');
  const taken = routes
    .filter(({ service }) => service === SYSTEM)
    .map(({ method, path }) => `${method} ${path}`);
  if (taken.length === 0) return [];
  return mounts.map(
    ({ service }) =>
      `service ${service}: the runtime serves ${taken.join(', ')} itself, so the application at / does not get them; ` +
      'HEALTH_PATH, READY_PATH and `openapi` of the configuration change that',
  );
}

const nameOf = ({ service, method, template }: RouteInfo): string =>
  `service ${service}, route ${method} ${template}`;
