// Reads the open connections of this process from the tables of the kernel (proc(5), /proc/net/tcp), and
// counts them by the client's network.
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addressText } from '../binary-address.js';
import { networkOf } from '../client-network.js';

/** The tables of IPv4 and IPv6. Only Linux has them. */
export const KERNEL_TABLES =
  process.platform === 'linux' ? ['/proc/self/net/tcp', '/proc/self/net/tcp6'] : [];
/** The kernel returns at most one page of a table at a time. */
const PAGE_BYTES = 4096;
/** Milliseconds of reading a table between two turns of the event loop. */
const SLICE_MS = 1;
/** TIME_WAIT, CLOSE and LISTEN (tcp(7)): connections in these states hold no file of this process. */
const NOT_OPEN = new Set(['06', '07', '0A']);

/**
 * Counts connections to local ports in one table of the kernel. A long table takes a while, so the event
 * loop turns between its pieces.
 * @param counts the numbers by the client's network, which are added to
 */
export async function countConnections(
  table: AsyncIterable<string>,
  ports: readonly number[],
  counts: Map<string, number>,
): Promise<void> {
  const local = new Set(ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0')));
  let lineStart = '';
  for await (const piece of table) {
    const lines = `${lineStart}${piece}`.split('\n');
    lineStart = lines.pop() ?? '';
    for (const line of lines) {
      const [, here = '', there = '', state = ''] = line.trim().split(/\s+/, 4);
      if (!local.has(here.slice(-4)) || NOT_OPEN.has(state)) continue;
      const network = networkOf(addressOf(there.slice(0, there.indexOf(':'))));
      counts.set(network, (counts.get(network) ?? 0) + 1);
    }
  }
}

/**
 * Reads a table of the kernel, in pieces of about a millisecond. Waiting for each page by itself would take
 * many times as long where other threads compete for the cores.
 */
export async function* readTable(path: string): AsyncGenerator<string> {
  const file = openSync(path, 'r');
  const page = Buffer.alloc(PAGE_BYTES);
  try {
    for (let isRead = false; !isRead; await nextTurn()) {
      const end = performance.now() + SLICE_MS;
      let piece = '';
      do {
        const bytes = readSync(file, page, 0, PAGE_BYTES, null);
        isRead = bytes === 0;
        piece += page.toString('latin1', 0, bytes);
      } while (!isRead && performance.now() < end);
      yield piece;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * The kernel prints an address as words of its own byte order. All platforms that Multilane runs on are
 * little-endian.
 */
function addressOf(hexadecimal: string): string {
  const bytes = Buffer.from(hexadecimal, 'hex');
  return addressText(bytes.length % 4 === 0 ? bytes.swap32() : bytes);
}

/** Whether an error means that this process has no such table, and not that reading it failed this time. */
export const isMissingTable = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** @throws when a table cannot be read, or all are missing: without IPv6 one of the two is missing */
export async function readTables(
  tables: readonly string[],
  ports: readonly number[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const missing: unknown[] = [];
  for (const table of tables) {
    try {
      await countConnections(readTable(table), ports, counts);
    } catch (error) {
      if (!isMissingTable(error) || missing.push(error) === tables.length) throw error;
    }
  }
  return counts;
}
