// When probes change the health of an instance: two failures in a row make it unhealthy, and two successes
// in a row make it healthy. Before that it keeps its health, which is `unknown` at first.

export type Health = 'unknown' | 'healthy' | 'unhealthy';

export interface HealthRecord {
  readonly health: Health;
  /** How many of the last probes had the same result. It is counted up to NEEDED_IN_A_ROW only. */
  readonly run: number;
  /** The result of these probes. */
  readonly hasSucceeded: boolean;
}

export const UNKNOWN_HEALTH: HealthRecord = { health: 'unknown', run: 0, hasSucceeded: false };

const NEEDED_IN_A_ROW = 2;

/** Returns the record after one more probe. */
export function afterProbe(record: HealthRecord, succeeded: boolean): HealthRecord {
  const run = record.hasSucceeded === succeeded ? Math.min(record.run + 1, NEEDED_IN_A_ROW) : 1;
  const health = run < NEEDED_IN_A_ROW ? record.health : succeeded ? 'healthy' : 'unhealthy';
  return { health, run, hasSucceeded: succeeded };
}
