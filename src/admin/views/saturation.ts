// What is bounded in the process, and how much of it is used now.
import type { WorkerReading } from '../../memory/worker-row.js';

export interface Saturation {
  readonly name: string;
  readonly used: number;
  /** null: nothing bounds it. */
  readonly limit: number | null;
  /** 0 to 1, or more where a limit may be passed for a while. */
  readonly ratio: number | null;
  readonly unit: string;
}

/** A limit and what is used of it; a limit of 0 or undefined is none. */
export interface Used {
  readonly used: number;
  readonly limit: number | undefined;
}

export interface SaturationFacts {
  readonly inFlight: Used;
  readonly workers: readonly Pick<
    WorkerReading,
    'worker' | 'loopUtilization' | 'heapUsedBytes' | 'heapRetainedBytes'
  >[];
  /** Bytes that a worker may retain; undefined: nothing bounds it. */
  readonly heapLimitBytes: number | undefined;
  readonly connections: Used;
  readonly cpuThreads: Used;
  readonly cpuQueue: Used;
  /** Connections that the process may have to its databases; 0: it has none. */
  readonly mostDatabaseConnections: number;
  readonly pendingBodies: Used;
  readonly bufferedBodies: Used;
  readonly openStreams: Used;
}

/** @param connectionsInUse database connections that are not idle: a pool keeps idle ones for a while */
export function saturationOf(facts: SaturationFacts, connectionsInUse: number): readonly Saturation[] {
  const loops = facts.workers.map(({ loopUtilization }) => loopUtilization);
  const heaps = facts.workers.map(heapOf);
  const databaseConnections = { used: connectionsInUse, limit: facts.mostDatabaseConnections };
  return [
    saturation('in-flight requests', facts.inFlight, 'requests'),
    saturation('event loops', { used: rounded(Math.max(0, ...loops)), limit: 1 }, 'ratio'),
    saturation('heap', { used: Math.max(0, ...heaps), limit: facts.heapLimitBytes }, 'bytes'),
    saturation('connections', facts.connections, 'connections'),
    saturation('CPU pool', facts.cpuThreads, 'threads'),
    saturation('CPU queue', facts.cpuQueue, 'tasks'),
    saturation('database connections', databaseConnections, 'connections'),
    saturation('pending bodies', facts.pendingBodies, 'requests'),
    saturation('buffered bodies', facts.bufferedBodies, 'bytes'),
    saturation('open streams', facts.openStreams, 'streams'),
  ];
}

/**
 * What a worker needs of its heap: what the last full garbage collection has left. Before the first one only
 * the bytes in use are known, garbage included.
 */
const heapOf = ({ heapRetainedBytes: retained, heapUsedBytes: used }: SaturationFacts['workers'][number]) =>
  retained > 0 ? retained : used;

function saturation(name: string, { used, limit }: Used, unit: string): Saturation {
  if (limit === undefined || limit === 0) return { name, used, limit: null, ratio: null, unit };
  return { name, used, limit, ratio: rounded(used / limit), unit };
}

const rounded = (ratio: number): number => Math.round(ratio * 1000) / 1000;
