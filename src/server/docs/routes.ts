// `/openapi.json`, and `/docs`: a page that shows it. The viewer (Swagger UI) is served from here; nothing is loaded
// from other hosts, and the page may not even try.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Application, Context, RouteInfo } from '../handler.js';
import { type ApiInfo, openapiDocument } from './openapi.js';

/** Files of the viewer, which the build copies out of its package. */
const VIEWER = fileURLToPath(new URL('../../vendor/swagger-ui', import.meta.url));

/** The viewer sets styles of its own and shows pictures that it carries along. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** @param routes asked at the first request: by then everything is mounted */
export function apiDocs(app: Application, info: ApiInfo, routes: () => readonly RouteInfo[]): void {
  let document: string | undefined;
  app.hook('onRequest', (ctx) => {
    ctx.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
  });

  app.group('/openapi.json', { compress: true }, (group) => {
    group.get('/', { summary: 'This API, as OpenAPI 3.1' }, (ctx) => {
      document ??= JSON.stringify(
        openapiDocument(
          routes().filter(({ path }) => path !== '/docs' && !path.startsWith('/docs/')),
          info,
        ),
      );
      ctx.header('content-type', 'application/json');
      return document;
    });
  });

  app.get('/docs', { summary: 'A page that shows this API' }, (ctx) => page(ctx));
  app.get('/docs/*', (ctx) => {
    const name = ctx.params['*']!;
    if (name === 'start.js') return ctx.header('content-type', 'text/javascript; charset=utf-8').text(START);
    ctx.header('cache-control', 'public, max-age=3600');
    return ctx.file(VIEWER, name, { compress: true });
  });
}

const PAGE = readFileSync(new URL('page.html', import.meta.url), 'utf8');
const START = readFileSync(new URL('start.js', import.meta.url), 'utf8');

function page(ctx: Context): unknown {
  return ctx.header('content-security-policy', POLICY).header('x-frame-options', 'DENY').html(PAGE);
}
