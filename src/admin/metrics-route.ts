// The route `/metrics`: the page in the format and coding that the client prefers.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { acceptedCodings } from '../server/response/negotiate.js';
import { coalescedAfresh } from '../telemetry/coalesced.js';
import { CONTENT_TYPES, type ExpositionFormat, negotiate } from '../telemetry/exposition-format.js';
import type { Exposition } from '../telemetry/prometheus.js';
import type { AdminRequest, AdminRoute } from './admin-route.js';

const gzipped = promisify(gzip);
/**
 * The level costs a third of the time of zlib's default, for a page that is a few per cent larger. The
 * compression runs on a thread of libuv's pool, not on the event loop.
 */
const COMPRESSION = { level: 1 };

interface Page {
  readonly plain: () => Promise<Buffer>;
  readonly compressed: () => Promise<Buffer>;
}

export function metricsRoute(exposition: Exposition): AdminRoute {
  // Requests at the same time share one body, which is in memory once.
  const pageOf = (format: ExpositionFormat): Page => {
    const plain = (): Promise<Buffer> => exposition.bytes(format);
    return { plain, compressed: coalescedAfresh(async () => gzipped(await plain(), COMPRESSION)) };
  };
  const pages = { prometheus: pageOf('prometheus'), openmetrics: pageOf('openmetrics') };
  return {
    method: 'GET',
    path: '/metrics',
    handler: async (request) => {
      const format = negotiate(request.header('accept'));
      const headers = { 'content-type': CONTENT_TYPES[format], vary: 'accept, accept-encoding' };
      if (!acceptsGzip(request)) return { status: 200, bytes: await pages[format].plain(), headers };
      const bytes = await pages[format].compressed();
      return { status: 200, bytes, headers: { ...headers, 'content-encoding': 'gzip' } };
    },
  };
}

function acceptsGzip(request: AdminRequest): boolean {
  const fields = {
    get: (name: string) => request.header(name),
    getAll: (name: string) => [request.header(name)].filter((value) => value !== undefined),
    has: (name: string) => request.header(name) !== undefined,
  };
  return acceptedCodings(fields, ['gzip']).includes('gzip');
}
