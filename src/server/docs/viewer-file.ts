// The files of the page that shows the API. The two large ones are kept compressed only, which makes the
// package small: browsers get them as they are, and they are unpacked for other clients.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Context, Sent } from '../handler.js';
import { codingsFor } from '../response/compress.js';

/** The media types of the files that have no plain form. */
const COMPRESSED: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

type FileContext = Pick<Context, 'headers' | 'vary' | 'header' | 'file' | 'stream'>;

/** Sends a file of the viewer. @throws HttpError NOT_FOUND for a name that is none of them */
export function viewerFile(ctx: FileContext, folder: string, name: string): Sent | Promise<Sent> {
  const type = Object.hasOwn(COMPRESSED, name) ? COMPRESSED[name] : undefined;
  if (type === undefined) return ctx.file(folder, name);
  ctx.vary('accept-encoding');
  ctx.header('content-type', type);
  const file = `${name}.gz`;
  if (codingsFor(ctx.headers).includes('gzip')) {
    ctx.header('content-encoding', 'gzip');
    return ctx.file(folder, file);
  }
  // The stream that is read gets the error of either.
  const plain = pipeline(createReadStream(join(folder, file)), createGunzip(), () => {});
  return ctx.stream(plain);
}
