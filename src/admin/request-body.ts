// Reads and parses the body of an admin request. It is JSON whatever its label says, as with etcd and Consul
// (curl labels `-d` as a form); pages of other sites are rejected by site-check.ts, not by the label.
import type { IncomingMessage } from 'node:http';
import { HttpError } from '../errors.js';
import { decodeUtf8, parseHarmless } from '../server/body/json-body.js';

/**
 * Bodies are parsed in the primary, which also accepts connections: 64 KiB take it well under a millisecond,
 * and the largest body that a route needs, a registration, is less than half of that.
 */
export const MAX_BODY_BYTES = 64 * 1024;

/**
 * @param admit called once, when the header fields of the body have been accepted; the bytes of the body
 *   arrive only after that
 * @returns the parsed JSON, undefined for an empty body
 * @throws HttpError MALFORMED_BODY, BODY_TOO_LARGE, LENGTH_REQUIRED, UNSUPPORTED_MEDIA_TYPE, CLIENT_CLOSED
 */
export async function readJsonBody(request: IncomingMessage, admit: () => void): Promise<unknown> {
  const { headers } = request;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError('UNSUPPORTED_MEDIA_TYPE', 'Encoded bodies are not accepted here.');
  }
  // The parser of Node.js makes an object for each chunk, also for chunks of one byte.
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
  return parseHarmless(decodeUtf8(await bytes));
}

/**
 * Collects the body in one buffer, however many pieces arrive. `for await` would destroy the connection when
 * its loop is left early.
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
