// Whether the process is ready. It becomes ready once, when all workers serve and all databases are migrated;
// from then on it is ready as long as at least half of the workers of each kind serve and the databases
// respond (docs/contract.md).
import type { Readiness as Verdict } from '../admin/telemetry-routes.js';
import type { AllWorkers } from '../cluster/all-workers.js';
import type { WorkerKind } from '../cluster/worker-group.js';
import { descriptorOf, type WorkerState } from '../cluster/worker-life.js';
import type { WorkerPorts } from '../cluster/worker-ports.js';
import type { Every } from '../grouped-interval.js';
import type { Switches } from '../memory/switches.js';
import type { RegistrySync } from '../registry/backends/registry-sync.js';
import type { ShareLoop } from '../shares/share-loop.js';
import type { ServiceDatabases } from './service-databases.js';

/** How often the verdict is published to the workers, whose `GET /ready` responds with it. */
const PUBLISH_EVERY_MS = 250;

export interface ReadinessFacts {
  /** All workers have served, and every database was migrated, at one moment in the past. */
  readonly readyOnce: boolean;
  readonly draining: boolean;
  readonly workers: readonly WorkerState[];
  /** @default the process has no gRPC workers */
  readonly grpcWorkers?: readonly WorkerState[];
  /** Addresses of database servers that do not respond now. */
  readonly unresponsiveDatabases: readonly string[];
  /** Services whose database is not migrated yet. */
  readonly startingServices: readonly string[];
}

/** Why the process is not ready; empty when it is. */
export function unreadyReasons(facts: ReadinessFacts): string[] {
  const reasons: string[] = [];
  if (facts.draining) reasons.push('draining');
  const { readyOnce, workers, grpcWorkers = [] } = facts;
  for (const [kind, states] of [
    ['workers', workers],
    ['gRPC workers', grpcWorkers],
  ] as const) {
    const serving = states.filter((state) => descriptorOf(state) !== undefined).length;
    if (readyOnce ? serving * 2 < states.length : serving < states.length)
      reasons.push(`${serving} of ${states.length} ${kind} serve`);
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

export interface ReadinessOptions {
  readonly switches: Switches;
  readonly workers: Pick<AllWorkers, 'workers'>;
  readonly databases: Pick<ServiceDatabases, 'unresponsive' | 'startingServices'>;
  /** The ports of workers that have one each. */
  readonly ports: readonly Pick<WorkerPorts, 'isSilent'>[];
  /** Undefined when no registry is shared. */
  readonly registry?: Pick<RegistrySync, 'outage' | 'kind'> | undefined;
  /** Undefined when the registry allows no limits over several processes. */
  readonly limitShares?: Pick<ShareLoop, 'waiting'> | undefined;
  readonly every: Every;
}

/** A worker that refuses new connections counts like one that starts. */
const SILENT: WorkerState = { kind: 'starting' };

export class Readiness {
  readonly #switches: Switches;
  readonly #workers: Pick<AllWorkers, 'workers'>;
  readonly #databases: Pick<ServiceDatabases, 'unresponsive' | 'startingServices'>;
  readonly #ports: ReadinessOptions['ports'];
  readonly #registry: ReadinessOptions['registry'];
  readonly #limitShares: ReadinessOptions['limitShares'];
  readonly #stop: () => void;
  #readyOnce = false;

  constructor({ switches, workers, databases, ports, registry, limitShares, every }: ReadinessOptions) {
    this.#switches = switches;
    this.#workers = workers;
    this.#databases = databases;
    this.#ports = ports;
    this.#registry = registry;
    this.#limitShares = limitShares;
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
    const isSilent = (worker: number): boolean => this.#ports.some((ports) => ports.isSilent(worker));
    const statesOf = (wanted: WorkerKind): readonly WorkerState[] =>
      this.#workers.workers
        .filter(({ kind }) => kind === wanted)
        .map(({ worker, state }) => (isSilent(worker) ? SILENT : state));
    const facts: ReadinessFacts = {
      readyOnce: this.#readyOnce,
      draining,
      workers: statesOf('http'),
      grpcWorkers: statesOf('grpc'),
      unresponsiveDatabases: this.#databases.unresponsive,
      startingServices: this.#databases.startingServices,
    };
    const reasons = unreadyReasons(facts);
    const ready = this.#readyOnce && reasons.length === 0;
    // It is no reason to take the process out: it goes on with the instances that it knows.
    if (this.#registry?.outage !== undefined)
      reasons.push(
        `the registry (${this.#registry.kind}) ${this.#registry.outage}; the instances found before stay`,
      );
    // Only routes with such limits wait.
    const waiting = this.#limitShares?.waiting;
    if (waiting !== undefined) reasons.push(waiting);
    return { ready, reasons, code: unreadyCode(facts) };
  }

  stop(): void {
    this.#stop();
  }

  #publish(): void {
    this.#switches.ready = this.verdict().ready;
  }
}
