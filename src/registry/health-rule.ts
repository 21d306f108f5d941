// When probes change the health of an instance: two failures in a row make it unhealthy, two successes
// healthy. Until then it keeps its health, or its health is not known yet.

export type Health = 'unknown' | 'healthy' | 'unhealthy';

export interface HealthRecord {
  readonly health: Health;
  /** The number of the last probes that had the same result. It is not counted beyond the number needed. */
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
