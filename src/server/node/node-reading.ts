// Reading of sockets that stops for a moment, whatever Node.js and a parser do with them meanwhile.
import type { Socket } from 'node:net';

/** That of a socket, or of TLS on top of it. */
interface Handle {
  /** Node.js wants to read. */
  readonly reading?: boolean;
  readStart(): number;
  readStop(): number;
}

const handleOf = (socket: Socket): Handle | null | undefined =>
  (socket as unknown as { readonly _handle?: Handle | null })._handle;

/** What the client sends stays in the kernel. */
export const stopReading = (socket: Socket): void => void handleOf(socket)?.readStop();

/** Reads again, unless Node.js has stopped reading as well. */
export function readOn(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle?.reading === true) handle.readStart();
}
