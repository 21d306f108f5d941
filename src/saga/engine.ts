// The saga engine of one worker and one database: puts its parts together and decides nothing.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Queryable } from '../db/database.js';
import { type AnyDefinition, Plans } from './definition.js';
import type { Journal } from './journal.js';
import { Orchestrator } from './orchestrator.js';
import { PgJournal } from './pg-journal.js';
import { Recovery } from './recovery.js';
import { LEASE_MS, type RunnerSetting } from './runner.js';
import type { Sagas, StepTools } from './saga.js';
import { NO_OBSERVER, type SagaObserver } from './saga-observer.js';
import { localTurn, type Turn } from './try-lock.js';
import { WorkerSagas } from './worker-sagas.js';

/** Who holds leases: unique among all workers of all processes that share the database. */
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
  /** Put on every step's `ctx`, beside its identity and as `ctx.tools`. */
  readonly tools?: StepTools;
  /** Name of the service, for the scope its steps run in. */
  readonly service?: string;
  readonly owner: Owner;
  readonly log: Logger;
  readonly observer?: SagaObserver;
  /** See `RunnerSetting`. Default: one of this engine's own */
  readonly lastChance?: Turn;
  /** True once something that ran in this worker has brought it down. Default: never */
  readonly hasFailed?: () => boolean;
  /** Instead of `db`: where the engine writes. For tests. */
  readonly journal?: Journal;
  readonly now?: () => number;
  readonly clock?: () => number;
  readonly random?: () => number;
  readonly sleep?: RunnerSetting['sleep'];
}

export interface SagaEngine {
  readonly sagas: Sagas;
  /** Begins to take over what others left. Call it when the database is migrated. */
  start(): void;
  /**
   * Claims nothing more, lets running sagas go on for up to `withinMs`, then breaks them off; what has not
   * ended is free for other workers at once. Afterwards `sagas.start` is refused (503 DRAINING).
   * @param arrivals resolves when no request can come any more that would start one; default: none comes
   */
  drain(withinMs: number, arrivals?: Promise<void>): Promise<void>;
}

/** @throws ConfigError for a definition that could not work */
export function createSagaEngine(options: SagaEngineOptions): SagaEngine {
  const { log, now = Date.now, random = Math.random, sleep = sleepUntilAborted } = options;
  const { clock = () => performance.now(), hasFailed = () => false } = options;
  const plans = new Plans(options.definitions);
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
    lastChance: options.lastChance ?? localTurn(),
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

/** As it stands in the journal; `releaseOwnersExcept` reads the part before the first colon. */
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
