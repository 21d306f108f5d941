import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Connects a client that sends `bytes` and reads nothing until its socket is resumed. */
export async function deafClient(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(bytes);
  return socket;
}
