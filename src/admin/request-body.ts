// Reads and parses the body of an admin request. It is JSON whatever its label says, as with etcd and Consul
// (curl labels `-d` as a form); pages of other sites are kept out by site-check.ts, not by the label.
import type { IncomingMessage } from 'node:http';
import { HttpError } from '../errors.js';

/**
 * Everything that happens here happens in the primary, which accepts connections: a body of 64 KiB takes it
 * well under a millisecond, and the largest one that a route needs, a registration, is under half of that.
 */
export const MAX_BODY_BYTES = 64 * 1024;
const MAX_DEPTH = 64;

/**
 * @param admit called once it is certain that the body is worth reading; it begins to come then
 * @throws HttpError MALFORMED_BODY, BODY_TOO_LARGE, LENGTH_REQUIRED, UNSUPPORTED_MEDIA_TYPE, CLIENT_CLOSED
 */
export async function readJsonBody(request: IncomingMessage, admit: () => void): Promise<unknown> {
  const { headers } = request;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError('UNSUPPORTED_MEDIA_TYPE', 'Encoded bodies are not accepted here.');
  }
  // Of one-byte chunks, node's parser would make an object each.
  if (headers['transfer-encoding'] !== undefined) {
    throw new HttpError('LENGTH_REQUIRED', 'Send the body with a Content-Length.');
  }
  const length = Number(headers['content-length'] ?? 0);
  if (length > MAX_BODY_BYTES) {
    throw new HttpError('BODY_TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  }
  if (length === 0) return undefined;
  const bytes = collect(request, length);
  admit();
  return parse(await bytes);
}

/**
 * In one buffer, however many pieces come. Not by `for await`: leaving that loop early destroys the
 * connection.
 */
function collect(request: IncomingMessage, length: number): Promise<Buffer> {
  const body = Buffer.allocUnsafeSlow(length);
  let received = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      received += chunk.copy(body, received);
    });
    request.once('end', () => resolve(body));
    const left = (): void => reject(new HttpError('CLIENT_CLOSED', 'The client left.'));
    request.once('error', left);
    request.once('close', left);
  });
}

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
