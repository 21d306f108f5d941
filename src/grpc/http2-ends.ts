// Ends of HTTP/2 streams and sessions in the next turn of the loop. Node.js sends a reset at once, with those
// before it, and frees the memory of these streams, also while their session reads from one of them
// (nodejs/node#64113). Node.js itself lets only resets with CANCEL wait, and not even those while it reads
// what it has kept because of a write.
import type { Http2Session, Http2Stream } from 'node:http2';

/** Resets a stream when its session has read what has arrived. */
export function resetLater(stream: Pick<Http2Stream, 'close'>, code: number): void {
  setImmediate(() => stream.close(code));
}

/** Makes all resets of a stream wait so, those of a library as well. */
export function delayResets(stream: Pick<Http2Stream, 'close'>): void {
  const close = stream.close.bind(stream);
  stream.close = (...args) => void setImmediate(() => close(...args));
}

/** Destroys a session when it has read what has arrived. */
export function destroyLater(session: Pick<Http2Session, 'destroy'>): void {
  setImmediate(() => session.destroy());
}
