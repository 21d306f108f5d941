// The page of the dashboard and its files. They hold no data, so every client may read them; the page asks
// for the token. They are read when they are first requested, and are in memory from then on.
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NotFoundError } from '../errors.js';
import type { AdminHandler, AdminRoute } from './admin-route.js';

/** Where the build puts the page. */
export const DASHBOARD = fileURLToPath(new URL('../dashboard', import.meta.url));

const PAGE = 'index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

interface File {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** @param folder of the built page. @default that of this package */
export function dashboardRoutes(folder = DASHBOARD): readonly AdminRoute[] {
  const names = filesIn(folder);
  const routes = names.map((name) => routeOf(`/${name}`, fileHandler(join(folder, name))));
  const page = names.includes(PAGE) ? fileHandler(join(folder, PAGE)) : missing;
  return [routeOf('/', page), ...routes];
}

const routeOf = (path: string, handler: AdminHandler): AdminRoute => ({
  method: 'GET',
  path,
  access: 'open',
  handler,
});

const missing: AdminHandler = () => {
  throw new NotFoundError(
    'The dashboard is not built: run `npm run build` in the repository, or install the package again.',
  );
};

/** Files of other types are no part of the page. @returns none when there is no folder */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => Object.hasOwn(TYPES, extname(name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function fileHandler(path: string): AdminHandler {
  const type = TYPES[extname(path)]!;
  let file: Promise<File> | undefined;
  return async (request) => {
    file ??= readWhole(path);
    file.catch(() => {
      file = undefined;
    });
    const { bytes, etag } = await file;
    // A browser asks again each time, so a new version of the package is shown at once.
    const headers = { 'cache-control': 'no-cache', etag };
    if (isKnown(request.header('if-none-match'), etag)) return { status: 304, headers };
    return { status: 200, bytes, headers: { ...headers, 'content-type': type } };
  };
}

async function readWhole(path: string): Promise<File> {
  const bytes = await readFile(path);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { bytes, etag };
}

/** @param field of a request, RFC 9110, section 13.1.2 */
const isKnown = (field: string | undefined, etag: string): boolean =>
  (field ?? '')
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .some((one) => one === etag || one === '*');
