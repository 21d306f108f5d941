// Ends connections whose client may still be sending. If they were closed at once, what arrives later would
// cause a reset, and a reset can discard the response before the client has read it (RFC 9112 section 9.6).
import type { Duplex } from 'node:stream';

/** The time that a client has to read the response and to close its side. */
const LINGER_MS = 500;
/**
 * The most bytes that are read and discarded; the rest waits in the kernel until the connection is closed.
 */
const MOST_DISCARDED_BYTES = 512 * 1024;

/**
 * Sends `last`, then ends this side. Every listener for data is removed first, the parser of Node.js
 * included, so nothing that the client sends from now on has an effect.
 */
export function linger(socket: Duplex, last = ''): void {
  socket.removeAllListeners('data');
  let discarded = 0;
  // Adding a listener also detaches a parser that reads from the socket's handle directly.
  socket.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MOST_DISCARDED_BYTES) socket.pause();
  });
  socket.end(last);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
