// Bounds what the kernel receives for a connection before the core reads it (SO_RCVBUF, tcp(7)).
//
// The core reads 512 KiB at a time, and reads again in the same turn of the event loop for as long as that
// was filled whole; `pause` does not stop it. By itself the kernel lets a receive buffer grow to several MiB,
// and a client on the same machine fills it faster than an upload can be kept: hundreds of MiB then arrive in
// one turn of seconds. A smaller receive buffer ends the turn after one read. A connection inherits it from
// the listener that accepts it.
//
// Neither the core nor Node.js has an option for it. Node.js sets it only for sockets of UDP, but does not
// look what a descriptor is when such a socket is made of one. It closes the descriptor with that socket, so
// this happens in a process of its own: the option belongs to the socket that both share. Without /proc (not
// on Linux) nothing is changed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import type { Logger } from 'pino';

/**
 * Bytes that are asked for: the most that Linux grants without `net.core.rmem_max` being raised. The kernel
 * doubles them, and what it then holds is below the 512 KiB of the core.
 */
const RECEIVE_BYTES = 208 * 1024;

/** A process that takes longer is ended. */
const MOST_MS = 5000;

const SCRIPT = `
const { UDP } = process.binding('udp_wrap');
if (process.argv[1] === '0') process.exitCode = 1;
for (let fd = 3; fd < 3 + Number(process.argv[1]); fd++) {
  const socket = new UDP();
  if (socket.open(fd) !== 0 || socket.bufferSize(${RECEIVE_BYTES}, true, {}) === undefined) process.exitCode = 1;
}`;

/** In /proc/net/tcp: the state of a listening socket. */
const LISTEN = '0A';
const PIECE_BYTES = 64 * 1024;

/**
 * Bounds the receive buffers of connections that the listeners of this process on this port accept from then
 * on. Until the promise resolves a listener must not be closed: the other process would keep it open, and its
 * connections be lost. Never rejects.
 * @param others descriptors of listeners that are left as they are
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
      env: {}, // options for this process are not for that one
      timeout: MOST_MS,
    });
    child.unref();
    // It would hold the port for a moment longer.
    const end = (): boolean => child.kill('SIGKILL');
    process.once('exit', end);
    const [code] = (await once(child, 'exit').finally(() => process.off('exit', end))) as [number | null];
    if (code !== 0) throw new Error(`SO_RCVBUF was not set (exit ${code})`);
  } catch (err) {
    log.warn(
      { err, port },
      'the receive buffers of connections are not bounded: a client that uploads faster than this process can read ' +
        'holds up a worker; lower the last value of net.ipv4.tcp_rmem to 400000 instead',
    );
  }
}

/** @returns descriptors of this process; none where there is no /proc */
export function listenersOn(port: number): number[] {
  try {
    const names = new Set([
      ...socketsOn(port, '/proc/self/net/tcp'),
      ...socketsOn(port, '/proc/self/net/tcp6'),
    ]);
    return readdirSync('/proc/self/fd')
      .filter((fd) => names.has(nameOf(fd)))
      .map(Number);
  } catch {
    return [];
  }
}

function nameOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // it has been closed meanwhile
  }
}

/** The file begins with the listening sockets: the connections, which may be many, are not read. */
function socketsOn(port: number, file: string): string[] {
  if (!existsSync(file)) return []; // without IPv6
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const names: string[] = [];
  const fd = openSync(file, 'r');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    let lines: string[] = [];
    for (let isHead = true; ; isHead = false) {
      const length = readSync(fd, piece);
      if (length === 0) return names;
      lines = `${lines.at(-1) ?? ''}${piece.toString('latin1', 0, length)}`.split('\n');
      for (const line of lines.slice(isHead ? 1 : 0, -1)) {
        const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
        if (state !== LISTEN) return names;
        if (local!.endsWith(suffix)) names.push(`socket:[${inode}]`);
      }
    }
  } finally {
    closeSync(fd);
  }
}
