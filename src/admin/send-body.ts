// Sends a large response piece by piece. A client that does not read then holds one piece in its socket and
// no copy of the body, and many clients of one body take turns.
import type { ServerResponse } from 'node:http';

const PIECE_BYTES = 64 * 1024;

/**
 * Sends the body behind a header that has been written. The body is not copied, so it must not change until
 * the response is closed.
 */
export function sendBody(response: ServerResponse, body: Buffer): void {
  let at = 0;
  const next = (): void => {
    if (response.destroyed) return;
    const piece = body.subarray(at, at + PIECE_BYTES);
    at += PIECE_BYTES;
    if (at < body.length) response.write(piece, () => setImmediate(next));
    else response.end(piece);
  };
  next();
}
