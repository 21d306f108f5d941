// Whether the process is ready. It becomes ready once, when all workers serve and all databases are migrated;
// from then on it is ready as long as at least half of the workers serve and the databases respond
// (docs/contract.md).
import type { Readiness as Verdict } from '../admin/telemetry-routes.js';
import type { Supervisor } from '../cluster/supervisor.js';
import { descriptorOf, type WorkerState } from '../cluster/worker-life.js';
import type { Every } from '../grouped-interval.js';
import type { Switches } from '../memory/switches.js';
import type { ServiceDatabases } from './service-databases.js';

/** How often the verdict is published to the workers, whose `GET /ready` responds with it. */
const PUBLISH_EVERY_MS = 250;

export interface ReadinessFacts {
  /** All workers have served, and every database was migrated, at one moment in the past. */
  readonly readyOnce: boolean;
  readonly draining: boolean;
  readonly workers: readonly WorkerState[];
  /** Addresses of database servers that do not respond now. */
  readonly unresponsiveDatabases: readonly string[];
  /** Services whose database is not migrated yet. */
  readonly startingServices: readonly string[];
}

/** Why the process is not ready; empty when it is. */
export function unreadyReasons(facts: ReadinessFacts): string[] {
  const reasons: string[] = [];
  if (facts.draining) reasons.push('draining');
  const serving = facts.workers.filter((state) => descriptorOf(state) !== undefined).length;
  if (facts.readyOnce ? serving * 2 < facts.workers.length : serving < facts.workers.length) {
    reasons.push(`${serving} of ${facts.workers.length} workers serve`);
  }
  for (const service of facts.startingServices)
    reasons.push(`the database of ${service} is not migrated yet`);
  for (const database of facts.unresponsiveDatabases)
    reasons.push(`the database server ${database} does not respond`);
  return reasons;
}

/** The first reason, as a code, of a process that is not ready. */
export function unreadyCode({
  draining,
  readyOnce,
  unresponsiveDatabases,
}: ReadinessFacts): NonNullable<Verdict['code']> {
  if (draining) return 'DRAINING';
  if (!readyOnce) return 'STARTING';
  return unresponsiveDatabases.length > 0 ? 'DATABASE_BUSY' : 'NO_WORKER';
}

export class Readiness {
  readonly #switches: Switches;
  readonly #supervisor: Pick<Supervisor, 'workers'>;
  readonly #databases: Pick<ServiceDatabases, 'unresponsive' | 'startingServices'>;
  readonly #stop: () => void;
  #readyOnce = false;

  constructor(
    switches: Switches,
    supervisor: Pick<Supervisor, 'workers'>,
    databases: Pick<ServiceDatabases, 'unresponsive' | 'startingServices'>,
    every: Every,
  ) {
    this.#switches = switches;
    this.#supervisor = supervisor;
    this.#databases = databases;
    this.#stop = every(PUBLISH_EVERY_MS, () => this.#publish());
  }

  /** Called once, when all workers serve and all databases are migrated. */
  reached(): void {
    this.#readyOnce = true;
    this.#publish();
  }

  /** From now on the process is not ready, on both planes. */
  drain(): void {
    this.#switches.draining = true;
    this.#publish();
  }

  verdict(): Verdict {
    const { draining } = this.#switches;
    const facts: ReadinessFacts = {
      readyOnce: this.#readyOnce,
      draining,
      workers: this.#supervisor.workers.map(({ state }) => state),
      unresponsiveDatabases: this.#databases.unresponsive,
      startingServices: this.#databases.startingServices,
    };
    const reasons = unreadyReasons(facts);
    return { ready: this.#readyOnce && reasons.length === 0, reasons, code: unreadyCode(facts) };
  }

  stop(): void {
    this.#stop();
  }

  #publish(): void {
    this.#switches.ready = this.verdict().ready;
  }
}
