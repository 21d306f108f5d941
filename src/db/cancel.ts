// Ends what a session is at, as PostgreSQL has it: over a connection of its own, by the numbers that the
// session was given when it began
// (https://www.postgresql.org/docs/17/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS).
import { connect } from 'node:net';

/** https://www.postgresql.org/docs/17/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST */
const CANCEL_REQUEST = 80_877_102;
const WITHIN_MS = 1_000;

export interface SessionAddress {
  readonly host: string;
  readonly port: number;
  readonly processID: number;
  readonly secretKey: number;
}

/**
 * The server does not say whether it found anything to end: it may have ended by itself, and the next
 * statement is ended in its place. What cannot be cancelled ends by its time limit, if it has one.
 * @returns resolves when the server has taken the request, or has not within a second or two
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
