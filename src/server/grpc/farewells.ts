// Asks the clients of a server to make new calls elsewhere. `session.close()` alone, while calls are on their
// way, may cut the whole connection: nghttp2 begins one of them that Node.js, which has closed the session,
// does not take. So a connection is ended in two steps. Once a first GOAWAY is written, nghttp2 leaves new
// streams alone. The second one tells which streams were served, and clients repeat the others elsewhere.
//
// A session that is ending reads nothing any more when something goes wrong on it, and Node.js does not
// notice when its client has left. So it is asked for signs of life.
import { constants, type Http2Session } from 'node:http2';

/** The highest number of a stream. */
const LAST_STREAM = 2 ** 31 - 1;
/**
 * The second step follows when a PING behind the first GOAWAY was responded to, which shows that it is
 * written, and at the latest after this time: calls that have arrived meanwhile wait for it.
 */
const MOST_MS = 50;
/** A session that is ending has to respond to a PING within this time. */
const LIFE_MS = 5_000;

/** The open streams of a session. */
type Streams = { readonly size: number } | undefined;

export class Farewells {
  readonly #sessions = new Map<Http2Session, Streams>();
  #hasBegun = false;

  /** Call when a session begins. @param streams undefined when they are not known */
  add(session: Http2Session, streams: Streams): void {
    this.#sessions.set(session, streams);
    session.once('close', () => this.#sessions.delete(session));
    session.once('goaway', () => watch(session));
    // The TLS handshake of its connection was under way when the others were told.
    if (this.#hasBegun) tell(session, streams);
  }

  /** Tells all clients. Running calls go on, and a connection ends with the last one. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    for (const [session, streams] of this.#sessions) tell(session, streams);
  }
}

function tell(session: Http2Session, streams: Streams): void {
  if (session.closed || session.destroyed) return;
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
  const close = (): void => {
    clearTimeout(latest);
    if (session.closed) return;
    session.close();
    watch(session);
  };
  const latest = setTimeout(close, MOST_MS).unref();
  session.once('close', close);
  // The GOAWAY is written in the next turn of the loop. A PING would overtake it before.
  setImmediate(() =>
    setImmediate(() => {
      // A session without streams reads nothing more, so no response would arrive.
      if (streams?.size === 0) close();
      else if (!session.closed && !session.destroyed) session.ping(close);
    }),
  );
}

/** Ends the session when it shows no sign of life. */
function watch(session: Http2Session): void {
  let isAlive = true;
  const timer = setInterval(() => {
    if (session.destroyed) clearInterval(timer);
    else if (isAlive) {
      isAlive = false;
      session.ping((error) => {
        isAlive = error === null;
      });
    } else session.destroy();
  }, LIFE_MS).unref();
  session.once('close', () => clearInterval(timer));
}
