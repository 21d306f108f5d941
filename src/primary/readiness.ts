// Ready is one moment (CONTRACT section 1), and from then on a condition (section 5, `/readyz`).
import type { WorkerState } from '../cluster/worker-state.js';

export interface ReadinessFacts {
  /** All workers listened and every database was migrated, once. */
  readonly readyOnce: boolean;
  readonly draining: boolean;
  readonly workers: readonly WorkerState[];
  /** Databases that do not answer now: name and why. */
  readonly silentDatabases: readonly string[];
  /** Services whose database is not migrated yet. */
  readonly startingServices: readonly string[];
}

/** Why the process is not ready; empty when it is. */
export function unreadyReasons(facts: ReadinessFacts): string[] {
  const reasons: string[] = [];
  if (facts.draining) reasons.push('draining');
  const serving = facts.workers.filter((state) => state.kind === 'ready').length;
  if (!facts.readyOnce && serving < facts.workers.length) {
    reasons.push(`${serving} of ${facts.workers.length} workers serve`);
  } else if (serving * 2 < facts.workers.length) {
    reasons.push(`only ${serving} of ${facts.workers.length} workers serve`);
  }
  for (const service of facts.startingServices) reasons.push(`service ${service}: database is being migrated`);
  for (const database of facts.silentDatabases) reasons.push(`database ${database} does not answer`);
  return reasons;
}
