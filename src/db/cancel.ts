// Cancels the statement that a session works on, by PostgreSQL's cancel request: over a connection of its
// own, with the numbers that the server sent when the session began
// (https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS).
import { connect } from 'node:net';

/**
 * Code of a cancel request:
 * https://www.postgresql.org/docs/17/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
 */
const CANCEL_REQUEST = 80_877_102;
const WITHIN_MS = 1_000;

/** Where the server listens, and the numbers that identify the session there. */
export interface SessionAddress {
  readonly host: string;
  readonly port: number;
  readonly processID: number;
  readonly secretKey: number;
}

/**
 * Requests a cancellation. The server does not report whether it has cancelled anything: the statement may
 * have ended by itself, and the next one is cancelled instead. A statement that cannot be cancelled ends by
 * its time limit, if it has one.
 * @returns a promise that resolves when the server has received the request, or has not within a second or
 *   two
 */
export function cancelStatement({ host, port, processID, secretKey }: SessionAddress): Promise<void> {
  const message = Buffer.alloc(16);
  [message.length, CANCEL_REQUEST, processID, secretKey].forEach((value, at) => {
    message.writeInt32BE(value, 4 * at);
  });
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  socket.setTimeout(WITHIN_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.end(message);
  return new Promise((resolve) => {
    socket.on('close', () => resolve());
  });
}
