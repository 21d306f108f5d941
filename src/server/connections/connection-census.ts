// Counts the open connections of the data plane by client address, from the tables of the kernel (proc(5),
// /proc/net/tcp). While there are few the tables are not read: nobody has more than all there are, and that
// says enough. Where there is no such table, only what has opened within the last second is known.
//
// Connections are counted once a second, and as soon as a worker asks for it because an address may be near
// its share.
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { addressKeys } from '../../memory/address-cells.js';
import type { Block } from '../../memory/block.js';
import { ConnectionCensus, countAskedFor } from '../../memory/connection-shares.js';
import { readConnections } from '../../memory/open-connections.js';
import { networkOf } from '../route-rate-limits.js';
import { addressText } from '../uws/binary-address.js';

/** How a count is followed by a rest. */
interface Rest {
  /**
   * Counting takes at most this part of the time: a table of a hundred thousand connections takes a while to
   * read.
   */
  readonly share: number;
  readonly leastMs: number;
}

const EVERY_MS = 1000;
const REGULAR: Rest = { share: 0.1, leastMs: EVERY_MS };
/**
 * Counts that workers ask for may take more of the time: until one ends, an address may be refused by
 * mistake.
 */
const ASKED: Rest = { share: 0.5, leastMs: 10 };
/**
 * A longer rest would leave the counts too old, and a process that was paused meanwhile has not counted for
 * so long.
 */
const MOST_REST_MS = 30_000;
/** Of MAX_CONNECTIONS, from which on the tables are read. Below, no address is anywhere near its share. */
const COUNT_FROM = 0.25;
const TABLES = process.platform === 'linux' ? ['/proc/self/net/tcp', '/proc/self/net/tcp6'] : [];
/** The kernel gives at most one page of a table at a time. */
const PAGE_BYTES = 4096;
/** How long a table is read before the loop turns. */
const SLICE_MS = 1;
/** States of tcp(7) that hold a file of this process no more, or never did: TIME_WAIT, CLOSE, LISTEN. */
const NOT_OPEN = new Set(['06', '07', '0A']);

/**
 * Open connections to a local port in a table of the kernel, by the client's network. The loop is free
 * between pieces: a long table takes a while.
 * @param counts added to
 */
export async function countConnections(
  table: AsyncIterable<string>,
  port: number,
  counts: Map<string, number>,
): Promise<void> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let begun = '';
  for await (const piece of table) {
    const lines = `${begun}${piece}`.split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) {
      const [, here = '', there = '', state = ''] = line.trim().split(/\s+/, 4);
      if (!here.endsWith(local) || NOT_OPEN.has(state)) continue;
      const network = networkOf(addressOf(there.slice(0, there.indexOf(':'))));
      counts.set(network, (counts.get(network) ?? 0) + 1);
    }
  }
}

/**
 * A table of the kernel, in pieces. To wait for every page would take many times as long as to read it where
 * other threads want the cores.
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
 * The kernel prints addresses as words of its own byte order; all platforms that this runs on are
 * little-endian.
 */
function addressOf(hexadecimal: string): string {
  const bytes = Buffer.from(hexadecimal, 'hex');
  return addressText(bytes.length % 4 === 0 ? bytes.swap32() : bytes);
}

/** Whether it says that there is no such table for this process; anything else may pass. */
const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** @throws when a table cannot be read, or there is none: without IPv6 one of them is missing */
async function readTables(tables: readonly string[], port: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const missing: unknown[] = [];
  for (const table of tables) {
    try {
      await countConnections(readTable(table), port, counts);
    } catch (error) {
      if (!isMissing(error) || missing.push(error) === tables.length) throw error;
    }
  }
  return counts;
}

/** @returns what counts once and never rejects */
export function censusOf(
  block: Block,
  port: number,
  maxConnections: number,
  log: Pick<Logger, 'warn'>,
  tables = TABLES,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  const census = new ConnectionCensus(block);
  const keyOf = addressKeys(block);
  let isFailing = false;
  let forgottenAt = Number.NEGATIVE_INFINITY;
  return async () => {
    census.begin();
    const all = readConnections(block);
    if (all < COUNT_FROM * maxConnections) {
      census.publishMost(all);
      return;
    }
    try {
      const counts = await readTables(tables, port);
      census.publish([...counts].map(([network, connections]) => [keyOf(network), connections] as const));
      isFailing = false;
    } catch (err) {
      // Else the last numbers stay, and what opens is added to them: they become too large, never too small.
      // Without tables a count that a worker asks for would forget what has opened a moment ago.
      if (isMissing(err) && now() - forgottenAt >= EVERY_MS) {
        census.publish([]);
        forgottenAt = now();
      }
      if (!isFailing) log.warn({ err }, 'connections cannot be counted by address');
      isFailing = true;
    }
  };
}

/**
 * Milliseconds from the end of one count to the beginning of the next.
 * @param countMs how long the first one took
 */
export function restAfter(countMs: number, { share, leastMs }: Rest = REGULAR): number {
  return Math.min(MOST_REST_MS, Math.max(leastMs, countMs / share));
}

/** @returns what ends it */
export function takeCensus(...of: Parameters<typeof censusOf>): () => void {
  const countOnce = censusOf(...of);
  let running: Promise<void> | undefined;
  // A count that begins while another one is read would spoil it.
  const count = (): Promise<void> =>
    (running ??= countOnce().finally(() => {
      running = undefined;
    }));
  /** Counts. Resolves with the milliseconds to rest behind it. */
  const restOf = async (rest: Rest): Promise<number> => {
    const begun = performance.now();
    await count();
    return restAfter(performance.now() - begun, rest);
  };
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;
  const countWhenAsked = async (): Promise<void> => {
    for (;;) {
      await countAskedFor(of[0]);
      if (hasEnded) return;
      await sleep(await restOf(ASKED), undefined, { ref: false });
    }
  };
  void countWhenAsked();
  const next = (afterMs: number): void => {
    if (hasEnded) return;
    timer = setTimeout(() => {
      void restOf(REGULAR).then(next);
    }, afterMs).unref();
  };
  next(EVERY_MS);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
  };
}
