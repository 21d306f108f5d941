// Reads and parses the body of an admin request. It is JSON whatever its label says, as with etcd and Consul
// (curl labels `-d` as a form); pages of other sites are kept out by site-check.ts, not by the label.
import type { IncomingMessage } from 'node:http';
import { HttpError } from '../../errors.js';

/**
 * Everything that happens here happens in the primary, which accepts connections: a body of 64 KiB takes it well under
 * a millisecond, and the largest one that a route needs, a registration, is under half of that.
 */
export const MAX_BODY_BYTES = 64 * 1024;
/** A body that is too large is still read up to here: closing earlier would cut the answer off (RST). */
const MAX_DISCARDED_BYTES = 8 * MAX_BODY_BYTES;
const MAX_DEPTH = 64;

/** @throws HttpError MALFORMED_BODY, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, CLIENT_CLOSED */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError('UNSUPPORTED_MEDIA_TYPE', 'Encoded bodies are not accepted here.');
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) throw tooLarge();
  const bytes = await collect(request);
  return bytes.length === 0 ? undefined : parse(bytes);
}

/** Not by `for await`: leaving that loop early destroys the connection before it can be answered. */
function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > MAX_DISCARDED_BYTES) {
        request.pause();
        reject(tooLarge());
      }
    });
    request.once('end', () => {
      if (bytes > MAX_BODY_BYTES) reject(tooLarge());
      else resolve(Buffer.concat(chunks));
    });
    const left = (): void => reject(new HttpError('CLIENT_CLOSED', 'The client left.'));
    request.once('error', left);
    request.once('close', left);
  });
}

const tooLarge = (): HttpError =>
  new HttpError('BODY_TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes.`, {
    headers: { connection: 'close' },
  });

function parse(bytes: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new HttpError('MALFORMED_BODY', 'The body is not JSON in UTF-8.', { cause: error });
  }
  check(value, 1);
  return value;
}

/** Keys that would reach a prototype when copied carelessly, and nesting without end. */
function check(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new HttpError('MALFORMED_BODY', `The body nests deeper than ${MAX_DEPTH}.`);
  for (const [key, item] of Object.entries(value)) {
    const reaches = key === '__proto__' || (key === 'constructor' && isObjectWith(item, 'prototype'));
    if (reaches) throw new HttpError('MALFORMED_BODY', 'The body holds a key that is not accepted.');
    check(item, depth + 1);
  }
}

const isObjectWith = (value: unknown, key: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key);
