// The saga engine of one worker and one database. This file puts the parts together and decides nothing.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Queryable } from '../db/database.js';
import { type AnyDefinition, SagaPlans } from './definition.js';
import type { Journal } from './journal.js';
import { Orchestrator } from './orchestrator.js';
import { PgJournal } from './pg-journal.js';
import { Recovery } from './recovery.js';
import type { RunnerDeps } from './runner-deps.js';
import type { Sagas, StepTools } from './saga.js';
import { LEASE_MS } from './saga-lease.js';
import { NO_OBSERVER, type SagaObserver } from './saga-observer.js';
import { type TryLock, threadLock } from './try-lock.js';
import { WorkerSagas } from './worker-sagas.js';

/** The owner of leases: unique among all workers of all processes that share the database. */
export interface Owner {
  /** Unique per process start. */
  readonly instanceId: string;
  readonly slot: number;
  readonly generation: number;
}

export interface SagaEngineOptions {
  /** The database whose `saga` and `saga_step` tables are the journal. */
  readonly db: Queryable;
  readonly definitions: readonly AnyDefinition[];
  /** Spread over every step's `ctx`, beside its identity, and whole as `ctx.tools`. */
  readonly tools?: StepTools;
  /** Name of the service, for the scope that its steps run in. */
  readonly service?: string;
  readonly owner: Owner;
  readonly log: Logger;
  readonly observer?: SagaObserver;
  /**
   * See `RunnerDeps`.
   * @default a lock among the sagas of this engine
   */
  readonly lastChanceLock?: TryLock;
  /**
   * True once a failure of code in this worker has made it stop.
   * @default never
   */
  readonly hasFailed?: () => boolean;
  /** A journal to write to instead of that in `db`, for tests. */
  readonly journal?: Journal;
  readonly now?: () => number;
  readonly clock?: () => number;
  readonly random?: () => number;
  readonly sleep?: RunnerDeps['sleep'];
}

export interface SagaEngine {
  readonly sagas: Sagas;
  /** Begins to take over the sagas that other workers left. Call it when the database is migrated. */
  start(): void;
  /**
   * Claims no more sagas, lets running ones continue for up to `withinMs` milliseconds, then interrupts them.
   * Unfinished sagas are free for other workers at once. Afterwards `sagas.start` is refused (503 DRAINING).
   * @param arrivals resolves when no more requests can arrive that would start a saga; by default none can
   */
  drain(withinMs: number, arrivals?: Promise<void>): Promise<void>;
}

/** @throws ConfigError for a definition that cannot work */
export function createSagaEngine(options: SagaEngineOptions): SagaEngine {
  const { log, now = Date.now, random = Math.random, sleep = sleepUntilAborted } = options;
  const { clock = () => performance.now(), hasFailed = () => false } = options;
  const plans = new SagaPlans(options.definitions);
  const journal =
    options.journal ??
    new PgJournal({ db: options.db, owner: ownerName(options.owner), leaseMs: LEASE_MS, clock });
  const orchestrator = new Orchestrator(plans, {
    journal,
    log,
    now,
    clock,
    random,
    sleep,
    lastChanceLock: options.lastChanceLock ?? threadLock(),
    hasFailed,
    observer: options.observer ?? NO_OBSERVER,
    tools: options.tools ?? {},
    service: options.service,
  });
  const recovery = new Recovery(journal, orchestrator, {
    ...{ log, random, sleep, now, clock, hasFailed },
    plans: plans.keys(),
  });
  const sagas = new WorkerSagas({ journal, plans, orchestrator, now, clock });
  return {
    sagas,
    start: () => recovery.start(),
    async drain(withinMs, arrivals) {
      recovery.stopClaiming();
      await orchestrator.drain(withinMs, arrivals);
      sagas.close();
      await recovery.stop();
    },
  };
}

/** The owner as the journal stores it; `releaseOwnersExcept` reads the part before the first colon. */
export function ownerName({ instanceId, slot, generation }: Owner): string {
  return `${instanceId}:${slot}:${generation}`;
}

async function sleepUntilAborted(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
