// How many connections of the admin plane may wait for their request header: as many as an attacker needs to
// be held still, but never the open files that the data plane may need.
import type { Block } from '../memory/block.js';
import { readConnections } from '../memory/open-connections.js';

/** Files of the process beside connections: databases, workers, modules, logs. */
const OTHER_FILES = { always: 128, perWorker: 16 };
/** One that waits takes about this much, its buffers in the kernel included. */
const BYTES_EACH = 64 * 1024;
/** More than an attacker can keep open from one address, which has 28,000 ports on Linux, for long. */
const MOST = 16_384;
const LEAST = 64;

export interface ArrivalFacts {
  /** Open connections of the data plane now. */
  readonly connections: number;
  readonly openFiles: number;
  readonly memoryBytes: number;
  readonly workers: number;
}

/**
 * Half of the files that are left, so that the data plane finds the other half until connections here are
 * closed.
 */
export function mostArrivals({ connections, openFiles, memoryBytes, workers }: ArrivalFacts): number {
  const { always, perWorker } = OTHER_FILES;
  const left = openFiles - always - perWorker * workers - connections;
  return Math.max(LEAST, Math.floor(Math.min(MOST, left / 2, memoryBytes / BYTES_EACH)));
}

/** The same for this process, from moment to moment. */
export function arrivalsOf(block: Block, facts: Omit<ArrivalFacts, 'connections'>): () => number {
  return () => mostArrivals({ ...facts, connections: readConnections(block) });
}
