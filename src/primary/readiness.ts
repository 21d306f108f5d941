// Ready is one moment (CONTRACT section 1), and from then on a condition (section 5, `/readyz`).

import type { Readiness as Verdict } from '../admin/telemetry-routes.js';
import type { Supervisor } from '../cluster/supervisor.js';
import { descriptorOf, type WorkerState } from '../cluster/worker-state.js';
import type { Switches } from '../memory/switches.js';
import type { ServiceDatabases } from './service-databases.js';

/** Workers are asked the same question on the data plane: what they answer is this old at most. */
const PUBLISH_EVERY_MS = 250;

export interface ReadinessFacts {
  /** All workers served and every database was migrated, once. */
  readonly readyOnce: boolean;
  readonly draining: boolean;
  readonly workers: readonly WorkerState[];
  /** Addresses of database servers that do not answer now. */
  readonly silentDatabases: readonly string[];
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
  for (const database of facts.silentDatabases)
    reasons.push(`the database server ${database} does not answer`);
  return reasons;
}

/** The same for machines, of a process that is not ready: the first that holds. */
export function unreadyCode({
  draining,
  readyOnce,
  silentDatabases,
}: ReadinessFacts): NonNullable<Verdict['code']> {
  if (draining) return 'DRAINING';
  if (!readyOnce) return 'STARTING';
  return silentDatabases.length > 0 ? 'DATABASE_BUSY' : 'NO_WORKER';
}

export class Readiness {
  readonly #switches: Switches;
  readonly #supervisor: Pick<Supervisor, 'workers'>;
  readonly #databases: Pick<ServiceDatabases, 'silent' | 'starting'>;
  readonly #timer: NodeJS.Timeout;
  #readyOnce = false;

  constructor(
    switches: Switches,
    supervisor: Pick<Supervisor, 'workers'>,
    databases: Pick<ServiceDatabases, 'silent' | 'starting'>,
  ) {
    this.#switches = switches;
    this.#supervisor = supervisor;
    this.#databases = databases;
    this.#timer = setInterval(() => this.#publish(), PUBLISH_EVERY_MS);
  }

  /** The one moment. */
  reached(): void {
    this.#readyOnce = true;
    this.#publish();
  }

  /** Not ready from this moment on, on both planes. */
  drain(): void {
    this.#switches.draining = true;
    this.#publish();
  }

  verdict(): Verdict {
    const { draining } = this.#switches;
    const facts: ReadinessFacts = {
      readyOnce: this.#readyOnce,
      draining,
      workers: this.#supervisor.workers.map((lane) => lane.state),
      silentDatabases: this.#databases.silent,
      startingServices: this.#databases.starting,
    };
    const reasons = unreadyReasons(facts);
    return { ready: this.#readyOnce && reasons.length === 0, reasons, code: unreadyCode(facts) };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #publish(): void {
    this.#switches.ready = this.verdict().ready;
  }
}
