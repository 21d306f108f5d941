// When probes change an instance's health: two failures in a row make it unhealthy, two successes healthy.
// Before either it is as it was, or not known yet.

export type Health = 'unknown' | 'healthy' | 'unhealthy';

export interface HealthRecord {
  readonly health: Health;
  /** Probes in a row that ended alike, and how. */
  readonly run: number;
  readonly succeeding: boolean;
}

export const UNKNOWN_HEALTH: HealthRecord = { health: 'unknown', run: 0, succeeding: false };

const NEEDED = 2;

export function afterProbe(record: HealthRecord, succeeded: boolean): HealthRecord {
  const run = record.succeeding === succeeded ? Math.min(record.run + 1, NEEDED) : 1;
  const health = run < NEEDED ? record.health : succeeded ? 'healthy' : 'unhealthy';
  return { health, run, succeeding: succeeded };
}
