// When probes change the health of an instance: two failures in a row make it unhealthy, two successes
// healthy. Until then it keeps its health, or its health is not known yet.

export type Health = 'unknown' | 'healthy' | 'unhealthy';

export interface HealthRecord {
  readonly health: Health;
  /** The number of last probes that ended in the same way, and whether they succeeded. */
  readonly run: number;
  readonly hasSucceeded: boolean;
}

export const UNKNOWN_HEALTH: HealthRecord = { health: 'unknown', run: 0, hasSucceeded: false };

const NEEDED = 2;

export function afterProbe(record: HealthRecord, succeeded: boolean): HealthRecord {
  const run = record.hasSucceeded === succeeded ? Math.min(record.run + 1, NEEDED) : 1;
  const health = run < NEEDED ? record.health : succeeded ? 'healthy' : 'unhealthy';
  return { health, run, hasSucceeded: succeeded };
}
