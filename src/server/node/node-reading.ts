// Reading of sockets that stops for a moment, whatever Node.js and a parser do with them meanwhile.
import type { Socket } from 'node:net';

/** That of a socket, or of TLS on top of it. */
interface Handle {
  /** Node.js wants to read. */
  reading?: boolean;
  readStart(): number;
  readStop(): number;
}

const STOPS = Symbol('stops');
/** Members of Node.js that its types do not have. */
interface Internals {
  readonly _handle?: Handle | null;
  /** Its HTTP server waits until the client has taken responses. */
  _paused?: boolean;
  /** How often reading was stopped and has not gone on. */
  [STOPS]?: number;
}

const internalsOf = (socket: Socket): Internals => socket as unknown as Internals;

/** What the client sends stays in the kernel. */
export function stopReading(socket: Socket): void {
  const internals = internalsOf(socket);
  if (internals[STOPS] === undefined) socket.on('resume', () => stayStopped(socket));
  internals[STOPS] = (internals[STOPS] ?? 0) + 1;
  internals._handle?.readStop();
}

/** Node.js reads again when something reads the body before. */
function stayStopped(socket: Socket): void {
  if (isStopped(socket)) internalsOf(socket)._handle?.readStop();
}

/** Reads again, unless Node.js has stopped reading as well, or reading was stopped once more. */
export function readOn(socket: Socket): void {
  const internals = internalsOf(socket);
  internals[STOPS] = (internals[STOPS] ?? 0) - 1;
  const handle = internals._handle;
  if (handle?.reading === true && !isStopped(socket)) handle.readStart();
}

const isStopped = (socket: Socket): boolean => (internalsOf(socket)[STOPS] ?? 0) > 0;

/**
 * Call when the parser has made a request. While the client has not taken the responses before it, Node.js
 * stops reading and its parser; and the parser, while it is stopped, fails with what TLS hands over that was
 * deciphered already. Here it goes on: requests that wait have bounds of their own.
 */
export function parseOn(socket: Socket): void {
  const internals = internalsOf(socket);
  if (internals._paused !== true) return;
  internals._paused = false;
  socket.resume();
  const handle = internals._handle;
  if (!handle) return;
  handle.reading = true;
  if (!isStopped(socket)) handle.readStart();
}
