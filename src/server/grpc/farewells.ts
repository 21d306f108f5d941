// Asks the clients of a server to make new calls elsewhere. `session.close()` alone, while calls are on their
// way, may cut the whole connection: nghttp2 begins one of them that Node.js, which has closed the session,
// does not take. So a connection is ended in two steps. A first GOAWAY refuses nothing, and once it is
// written nghttp2 leaves new streams alone. The second one tells which streams were served, and clients
// repeat the others elsewhere.
import { constants, type Http2Session } from 'node:http2';

/** The highest number of a stream. */
const LAST_STREAM = 2 ** 31 - 1;
/**
 * The second step follows when a PING behind the first GOAWAY was responded to, and at the latest after this
 * time: clients of Node.js without calls do not respond.
 */
const MOST_MS = 250;

export class Farewells {
  readonly #sessions = new Set<Http2Session>();
  #hasBegun = false;

  /** Call when a session begins. */
  add(session: Http2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    // The TLS handshake of its connection was under way when the others were told.
    if (this.#hasBegun) tell(session);
  }

  /** Tells all clients. Running calls go on, and a connection ends with the last one. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    for (const session of this.#sessions) tell(session);
  }
}

function tell(session: Http2Session): void {
  if (session.closed || session.destroyed) return;
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
  const close = (): void => {
    clearTimeout(latest);
    session.close();
  };
  const latest = setTimeout(close, MOST_MS).unref();
  session.once('close', close);
  // A PING overtakes what is not written yet, and the GOAWAY is written in the next turn of the loop.
  setImmediate(() => setImmediate(() => ping(session, close)));
}

function ping(session: Http2Session, responded: () => void): void {
  if (!session.closed && !session.destroyed) session.ping(responded);
}
