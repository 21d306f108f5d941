// Counts the open connections of the data plane by client address, from the tables of the kernel (proc(5), /proc/net/tcp),
// while there are many: only then it matters whose they are. Where there is no such table, only what has opened within the
// last second is known.
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { addressKeys } from '../memory/address-cells.js';
import type { Block } from '../memory/block.js';
import { ConnectionCensus } from '../memory/connection-shares.js';
import { readConnections } from '../memory/connections.js';
import { addressText } from '../server/address.js';
import { networkOf } from '../server/rate-limits.js';

const EVERY_MS = 1000;
/** Counting takes at most this part of the time: a table of a hundred thousand connections takes a while to read. */
const MOST_SHARE = 0.1;
/** Of MAX_CONNECTIONS, from which on connections are counted: below the part from which on shares are kept to. */
const COUNT_FROM = 0.75;
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
/** States of tcp(7) that hold a file of this process no more, or never did: TIME_WAIT, CLOSE, LISTEN. */
const NOT_OPEN = new Set(['06', '07', '0A']);

/**
 * Open connections to a local port in a table of the kernel, by the client's network.
 * @param counts added to
 */
export function countConnections(table: string, port: number, counts: Map<string, number>): void {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of table.split('\n').slice(1)) {
    const [, here = '', there = '', state = ''] = line.trim().split(/\s+/, 4);
    if (!here.endsWith(local) || NOT_OPEN.has(state)) continue;
    const network = networkOf(addressOf(there.slice(0, there.indexOf(':'))));
    counts.set(network, (counts.get(network) ?? 0) + 1);
  }
}

/** The kernel prints addresses as words of its own byte order; all platforms that this runs on are little-endian. */
function addressOf(hexadecimal: string): string {
  const bytes = Buffer.from(hexadecimal, 'hex');
  return addressText(bytes.length % 4 === 0 ? bytes.swap32() : bytes);
}

/** @returns what ends it */
export function takeCensus(
  block: Block,
  port: number,
  maxConnections: number,
  log: Pick<Logger, 'warn'>,
): () => void {
  const census = new ConnectionCensus(block);
  const keyOf = addressKeys(block);
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;
  let hasTables = process.platform === 'linux';
  const count = async (): Promise<void> => {
    census.begin();
    const counts = new Map<string, number>();
    if (hasTables && readConnections(block) >= COUNT_FROM * maxConnections) {
      for (const table of TABLES) countConnections(await readFile(table, 'latin1'), port, counts);
    }
    census.publish([...counts].map(([network, connections]) => [keyOf(network), connections] as const));
  };
  const next = (afterMs: number): void => {
    if (hasEnded) return;
    timer = setTimeout(() => {
      const begun = performance.now();
      count()
        .catch((error: unknown) => {
          hasTables = false;
          log.warn(
            { err: error },
            'connections cannot be counted by address: the tables of the kernel cannot be read',
          );
        })
        .finally(() => next(Math.max(EVERY_MS, (performance.now() - begun) / MOST_SHARE)));
    }, afterMs).unref();
  };
  next(EVERY_MS);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
  };
}
