// Opens the connections of a pool, and corrects what undici makes of their ends.
//
// undici takes the reset of a connection for the end of a response that ends with its connection (macOS
// reports one behind a whole response), so a part would be taken for the whole. Here a reset has another code
// when undici learns of it. libuv does the same to a reset that arrives together with bytes: that one cannot
// be told from an end.
//
// While the reader of a response pauses undici, its endpoint may close the connection. undici asserts that
// this does not happen (nodejs/undici#5360, not mended in version 7), which would end the thread, so the
// pause ends with the connection. No more bytes are read then than the socket has buffered.
//
// The end of a TLS handshake has the same codes as that of a connection, so an error without a connection is
// marked: nothing was sent then.
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import type { Deadline } from '../deadline.js';
import { ConnectLimit } from './connect-limit.js';
import { loadUndici, type Parser } from './undici.js';

/** The code that a reset gets: any but that which undici excepts. */
const RESET = 'MULTILANE_RESET';

/** The member of an error that has ended an attempt to connect. */
const UNCONNECTED = Symbol('unconnected');

/** Whether an error has ended an attempt to connect, so that nothing was sent. */
export const isUnconnected = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && Object.hasOwn(error, UNCONNECTED);

/** The longest time that a connection may take. */
const CONNECT_TIMEOUT_MS = 3_000;
/**
 * A connection may take this part of what is left to the call, and at least these milliseconds: where nothing
 * responds, there is time for other instances.
 */
const [CONNECT_SHARE, LEAST_CONNECT_MS] = [1 / 3, 250] as const;

const connectMsOf = (deadline: Deadline): number =>
  Math.min(CONNECT_TIMEOUT_MS, Math.max(LEAST_CONNECT_MS, deadline.remainingMs() * CONNECT_SHARE));

type ConnectorArguments = Parameters<buildConnector.connector>;

/** A connector of undici. @param deadline that of the request for which the connection is opened */
export type StrictConnector = (...args: [...ConnectorArguments, deadline: Deadline]) => void;

export function strictConnector(): StrictConnector {
  const { buildConnector, parserOf } = loadUndici();
  // The limit of undici counts the time in which the thread was stalled: there is another one here.
  const connect = buildConnector({ timeout: 0 }) as (...args: ConnectorArguments) => Socket;
  function onEnd(this: Socket): void {
    const parser = parserOf(this);
    if (parser?.paused === true) endPause(parser, this.destroyed);
  }
  return (target, callback, deadline) => {
    const opening = connect(target, (...result) => {
      limit.lift();
      const [error, socket] = result;
      if (error !== null) Object.defineProperty(error, UNCONNECTED, { value: true });
      if (process.platform !== 'darwin') socket?.on('error', renameReset);
      // These are called before the listeners of undici.
      socket?.on('end', onEnd).on('error', onEnd).on('close', onEnd);
      callback(...result);
    });
    const limit = new ConnectLimit(connectMsOf(deadline), () => opening.destroy(timeoutError()));
  };
}

function endPause(parser: Parser, isClosed: boolean): void {
  if (!isClosed) {
    parser.resume();
    // The reader has been given an empty piece, and has paused the parser again.
    if (parser.paused) parser.llhttp.llhttp_resume(parser.ptr);
  }
  parser.paused = false;
}

/** The error when a connection takes too long. It has the code that undici has for this. */
const timeoutError = (): Error =>
  Object.assign(new Error('no connection in time'), { code: 'UND_ERR_CONNECT_TIMEOUT' });

function renameReset(this: Socket, error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = RESET;
}
