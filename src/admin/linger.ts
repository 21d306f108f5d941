// Ends connections whose client may still be sending. Closing them at once would answer what comes with a
// reset, and a reset can take the response away before the client has read it (RFC 9112, section 9.6).
import type { Duplex } from 'node:stream';

/** How long a client may take to read the response and to close its side. */
const LINGER_MS = 500;
/** What is read and thrown away meanwhile; the rest waits in the kernel until the connection is closed. */
const MOST_DISCARDED_BYTES = 512 * 1024;

/**
 * Sends `last`, then ends this side. Every listener for data leaves the socket first, node's parser included,
 * so nothing that the client sends from now on has an effect.
 */
export function linger(socket: Duplex, last = ''): void {
  socket.removeAllListeners('data');
  let discarded = 0;
  // Adding a listener also takes the handle of the socket away from a parser that reads from it directly.
  socket.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MOST_DISCARDED_BYTES) socket.pause();
  });
  socket.end(last);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
