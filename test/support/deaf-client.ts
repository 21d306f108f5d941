import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that sends and, until it is told to, does not read. */
export async function deafClient(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(bytes);
  return socket;
}
