// Counts the open connections of clients, HTTP and gRPC, by their address. While there are few connections
// the tables of the kernel are not read: no address can have more than all of them together, which is enough
// to know. Where the kernel has no such table, only connections that were opened within the last second are
// known.
//
// Connections are counted once a second, and as soon as a worker requests it because an address may be near
// its share.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { addressKeys } from '../../memory/address-cells.js';
import type { Block } from '../../memory/block.js';
import { ConnectionCensus, countAskedFor } from '../../memory/connection-shares.js';
import { readConnections } from '../../memory/open-connections.js';
import { isMissingTable, KERNEL_TABLES, readTables } from './kernel-connections.js';

/** The rest after a count. */
interface Rest {
  /**
   * The largest part of the time that counting may take: a table of a hundred thousand connections takes a
   * while to read.
   */
  readonly share: number;
  readonly leastMs: number;
}

const EVERY_MS = 1000;
const REGULAR: Rest = { share: 0.1, leastMs: EVERY_MS };
/**
 * Counts that workers request may take more of the time: until one ends, an address may be refused by
 * mistake.
 */
const REQUESTED: Rest = { share: 0.5, leastMs: 10 };
/** Longest rest. Counts would become too old, and a count that was long because the process was paused would
 * be followed by a rest as long. */
const MOST_REST_MS = 30_000;
/** The part of MAX_CONNECTIONS from which on the tables are read. Below it no address is near its share. */
const COUNT_FROM = 0.25;

/**
 * @param ports returns the ports that clients connect to
 * @returns a function that counts once and never rejects
 */
export function censusOf(
  block: Block,
  ports: () => readonly number[],
  maxConnections: number,
  log: Pick<Logger, 'warn'>,
  tables = KERNEL_TABLES,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  const census = new ConnectionCensus(block);
  const keyOf = addressKeys(block);
  let isFailing = false;
  let resetAt = Number.NEGATIVE_INFINITY;
  return async () => {
    census.begin();
    const all = readConnections(block);
    if (all < COUNT_FROM * maxConnections) {
      census.publishMost(all);
      return;
    }
    try {
      const counts = await readTables(tables, ports());
      census.publish([...counts].map(([network, connections]) => [keyOf(network), connections] as const));
      isFailing = false;
    } catch (err) {
      // Where a table cannot be read the last numbers stay, and new connections are added to them: they
      // become too large, never too small. Where there are no tables the numbers are reset once a second, and
      // not by each requested count, which would forget the connections of the last moment.
      if (isMissingTable(err) && now() - resetAt >= EVERY_MS) {
        census.publish([]);
        resetAt = now();
      }
      if (!isFailing) log.warn({ err }, 'connections cannot be counted by address');
      isFailing = true;
    }
  };
}

/**
 * Milliseconds from the end of one count to the start of the next.
 * @param countMs duration of the first one
 */
export function restAfter(countMs: number, { share, leastMs }: Rest = REGULAR): number {
  return Math.min(MOST_REST_MS, Math.max(leastMs, countMs / share));
}

/** Counts regularly and on request. @returns a function that stops it */
export function takeCensus(...of: Parameters<typeof censusOf>): () => void {
  const countOnce = censusOf(...of);
  let running: Promise<void> | undefined;
  // Two counts at the same time would mix their numbers, so a count under way is shared.
  const count = (): Promise<void> =>
    (running ??= countOnce().finally(() => {
      running = undefined;
    }));
  /** Counts. Resolves with the milliseconds to rest afterwards. */
  const restOf = async (rest: Rest): Promise<number> => {
    const begun = performance.now();
    await count();
    return restAfter(performance.now() - begun, rest);
  };
  let timer: NodeJS.Timeout | undefined;
  let hasEnded = false;
  const countOnRequest = async (): Promise<void> => {
    for (;;) {
      await countAskedFor(of[0]);
      if (hasEnded) return;
      await sleep(await restOf(REQUESTED), undefined, { ref: false });
    }
  };
  void countOnRequest();
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
