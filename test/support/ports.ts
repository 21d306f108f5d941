// Ports of servers that are other programs.
import { connect } from 'node:net';

export { freePort } from '#bench/process/free-port.js';

/** Whether a connection to a port is accepted. */
export const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
