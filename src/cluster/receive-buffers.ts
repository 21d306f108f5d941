// Bounds the bytes that the kernel receives for a connection before the HTTP core reads them (SO_RCVBUF,
// tcp(7)).
//
// The core reads 512 KiB at a time, and reads again in the same turn of the event loop as long as a read
// fills all of it; `pause` does not stop it. By default the kernel lets a receive buffer grow to several MiB,
// and a client on the same machine fills it faster than an upload can be stored: hundreds of MiB then arrive
// in one turn that lasts seconds. With a smaller receive buffer the turn ends after one read. A connection
// inherits the bound from its listener.
//
// Neither the core nor Node.js has an option for TCP. Node.js has one for UDP sockets, and does not check the
// type of a descriptor from which it makes such a socket. It closes the descriptor together with the socket,
// so this is done in a helper process: the option belongs to the kernel's socket, which both processes share.
// Without /proc (not on Linux) nothing is changed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from 'pino';
import { listenersOn } from '../port-listeners.js';

/**
 * The size of the buffer: the largest that Linux grants with the default of `net.core.rmem_max`. The kernel
 * doubles it, and holds less than the 512 KiB that the core reads.
 */
const RECEIVE_BYTES = 208 * 1024;

/** A helper process that takes longer is ended. */
const MOST_MS = 5000;

const SCRIPT = `
const { UDP } = process.binding('udp_wrap');
if (process.argv[1] === '0') process.exitCode = 1;
for (let fd = 3; fd < 3 + Number(process.argv[1]); fd++) {
  const socket = new UDP();
  if (socket.open(fd) !== 0 || socket.bufferSize(${RECEIVE_BYTES}, true, {}) === undefined) process.exitCode = 1;
}`;

/**
 * Bounds the receive buffers of connections that listeners of this process on a port accept from then on.
 * Never rejects; a failure is logged. No listener may be closed before the promise resolves: the helper
 * process would keep it open, and its connections would be lost.
 * @param others descriptors of listeners that are not to be changed
 */
export async function boundReceiveBuffers(
  port: number,
  log: Pick<Logger, 'warn'>,
  others: readonly number[] = [],
): Promise<void> {
  if (process.platform !== 'linux') return;
  try {
    const listeners = listenersOn(port).filter((fd) => !others.includes(fd));
    const child = spawn(process.execPath, ['--no-warnings', '-e', SCRIPT, String(listeners.length)], {
      stdio: ['ignore', 'ignore', 'ignore', ...listeners],
      env: {}, // NODE_OPTIONS of this process are not meant for the helper
      timeout: MOST_MS,
    });
    child.unref();
    // Otherwise the helper would hold the port longer than this process.
    const end = (): boolean => child.kill('SIGKILL');
    process.once('exit', end);
    const [code] = (await once(child, 'exit').finally(() => process.off('exit', end))) as [number | null];
    if (code !== 0) throw new Error(`SO_RCVBUF was not set (exit ${code})`);
  } catch (err) {
    log.warn(
      { err, port },
      'cannot bound the receive buffers of connections: a client that uploads faster than this process can read ' +
        'stalls a worker; lower the last value of net.ipv4.tcp_rmem to 400000 instead',
    );
  }
}
