// Finds the listening sockets of this process on a port.
import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = '0A';
const PIECE_BYTES = 64 * 1024;

/** @returns the descriptors of this process that listen on the port; none without /proc */
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
    return ''; // closed meanwhile
  }
}

/**
 * Reads the names of listening sockets. The file begins with them, so the connections, maybe many, are not
 * read.
 */
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
