// Serves `/openapi.json`, and `/docs`, a page that shows it. The viewer (Swagger UI) is served from here too,
// and its policy forbids loading anything from other hosts.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Application, Context, RouteInfo } from '../handler.js';
import { KeptText } from '../response/compress.js';
import { type ApiInfo, openapiDocument } from './openapi.js';
import { viewerFile } from './viewer-file.js';

/**
 * The files of the viewer, which the build copies from its package, with compressed copies of the large ones.
 */
const VIEWER = fileURLToPath(new URL('../../vendor/swagger-ui', import.meta.url));

/** The viewer needs inline styles and the pictures that are in its own files. */
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

/** @param routes called at the first request, when everything is mounted */
export function apiDocs(app: Application, info: ApiInfo, routes: () => readonly RouteInfo[]): void {
  let document: KeptText | undefined;
  const describe = (): KeptText => {
    const listed = routes().filter(({ path }) => path !== '/docs' && !path.startsWith('/docs/'));
    return new KeptText(JSON.stringify(openapiDocument(listed, info)));
  };
  app.hook('onRequest', (ctx) => {
    ctx.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
  });

  app.get('/openapi.json', { summary: 'This API, as OpenAPI 3.1' }, async (ctx) => {
    document ??= describe();
    ctx.vary('accept-encoding');
    const form = document.form(ctx.headers);
    if (form === undefined) return ctx.bytes(document.bytes, 'application/json');
    const bytes = await form.bytes;
    return ctx.header('content-encoding', form.coding).bytes(bytes, 'application/json');
  });

  app.get('/docs', { summary: 'A page that shows this API' }, (ctx) => page(ctx));
  app.get('/docs/*', (ctx) => {
    const name = ctx.params['*']!;
    if (name === 'start.js') return ctx.header('content-type', 'text/javascript; charset=utf-8').text(START);
    ctx.header('cache-control', 'public, max-age=3600');
    return viewerFile(ctx, VIEWER, name);
  });
}

const PAGE = readFileSync(new URL('page.html', import.meta.url), 'utf8');
const START = readFileSync(new URL('start.js', import.meta.url), 'utf8');

function page(ctx: Context): unknown {
  return ctx.header('content-security-policy', POLICY).header('x-frame-options', 'DENY').html(PAGE);
}
