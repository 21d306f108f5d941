// Serves `/openapi.json`, and `/docs`, a page that shows it. The viewer (Swagger UI) is served from here too,
// and its policy forbids loading anything from other hosts.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { partsInTurns } from '../../telemetry/pace.js';
import type { Application, Context, RouteInfo } from '../handler.js';
import { KeptText } from '../response/compress.js';
import type { ApiInfo } from './described-api.js';
import { openapiText } from './openapi.js';
import { viewerFile } from './viewer-file.js';

/**
 * The files of the viewer, which the build copies from its package, with compressed copies of the large ones.
 */
const VIEWER = fileURLToPath(new URL('../../vendor/swagger-ui', import.meta.url));

/**
 * The policy of the page. The viewer needs inline styles and the pictures that are in its own files. It may
 * connect to the servers that the project names, to which it sends what is tried out.
 */
function policyOf({ servers = [], securitySchemes = {} }: ApiInfo): string {
  const flows = Object.values(securitySchemes).flatMap((scheme) =>
    scheme.type === 'oauth2' ? Object.values(scheme.flows) : [],
  );
  const urls = [...servers.map(({ url }) => url), ...flows.flatMap((flow) => flow.tokenUrl ?? [])];
  const connected = new Set(["'self'", ...urls.flatMap((url) => originOf(url) ?? [])]);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    'img-src data:',
    `connect-src ${[...connected].join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Undefined for a URL that is relative, or has variables in its host. */
function originOf(url: string): string | undefined {
  const origin = URL.canParse(url) ? new URL(url).origin : 'null';
  return /^https?:\/\/[\w.:[\]-]+$/.test(origin) ? origin : undefined;
}

/**
 * @param info called with the first request
 * @param routes called with the first request, when everything is mounted
 */
export function apiDocs(app: Application, info: () => ApiInfo, routes: () => readonly RouteInfo[]): void {
  let document: Promise<KeptText> | undefined;
  let policy: string | undefined;
  app.hook('onRequest', (ctx) => {
    ctx.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
  });

  const about = { summary: 'This API, as OpenAPI 3.1', produces: 'application/json', security: [] };
  app.get('/openapi.json', about, async (ctx) => {
    document ??= partsInTurns(openapiText(routes(), info())).then((text) => new KeptText(text));
    const kept = await document;
    ctx.vary('accept-encoding');
    const form = kept.form(ctx.headers);
    if (form === undefined) return ctx.bytes(kept.bytes, 'application/json');
    const bytes = await form.bytes;
    return ctx.header('content-encoding', form.coding).bytes(bytes, 'application/json');
  });

  app.get('/docs', { summary: 'A page that shows this API', hide: true }, (ctx) => {
    policy ??= policyOf(info());
    return page(ctx, policy);
  });
  app.get('/docs/*', { hide: true }, (ctx) => {
    const name = ctx.params['*']!;
    // The addresses in the page are relative to a path without a slash at its end.
    if (name === '') return ctx.redirect('../docs', 308);
    if (name === 'start.js') return ctx.header('content-type', 'text/javascript; charset=utf-8').text(START);
    ctx.header('cache-control', 'public, max-age=3600');
    return viewerFile(ctx, VIEWER, name);
  });
}

const PAGE = readFileSync(new URL('page.html', import.meta.url), 'utf8');
const START = readFileSync(new URL('start.js', import.meta.url), 'utf8');

function page(ctx: Context, policy: string): unknown {
  return ctx.header('content-security-policy', policy).header('x-frame-options', 'DENY').html(PAGE);
}
