// The limit for connections of the admin plane that wait for their request header (arrivals.ts). It is so
// high that an attacker cannot reach it for long, and it leaves the data plane the open files that it may
// need.
import type { Block } from '../memory/block.js';
import { readConnections } from '../memory/open-connections.js';

/** Files that the process has open beside connections: databases, workers, modules, logs. */
const OTHER_FILES = { always: 128, perWorker: 16 };
/** The memory of one waiting connection, with its buffers in the kernel. */
const BYTES_EACH = 64 * 1024;
/**
 * The limit is never higher than this. One client address has about 28,000 ports on Linux, so an attacker
 * with one address cannot keep this many connections open for long.
 */
const MOST = 16_384;
/** The limit is never lower than this, even when there are no files left. */
const LEAST = 64;

export interface ArrivalFacts {
  /** Open connections of the data plane. */
  readonly connections: number;
  /** The limit for open files of the process. */
  readonly openFiles: number;
  /** The memory that the process may use. */
  readonly memoryBytes: number;
  readonly workers: number;
}

/**
 * The limit is half of the files that are left; the other half is for the data plane. It is lower when the
 * memory would not be enough for this many connections.
 */
export function mostArrivals({ connections, openFiles, memoryBytes, workers }: ArrivalFacts): number {
  const { always, perWorker } = OTHER_FILES;
  const left = openFiles - always - perWorker * workers - connections;
  return Math.max(LEAST, Math.floor(Math.min(MOST, left / 2, memoryBytes / BYTES_EACH)));
}

/** Computes the limit for this process, with its connections at the moment of each call. */
export function arrivalsOf(block: Block, facts: Omit<ArrivalFacts, 'connections'>): () => number {
  return () => mostArrivals({ ...facts, connections: readConnections(block) });
}
