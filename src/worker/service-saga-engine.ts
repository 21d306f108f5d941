// The saga engine of one mounted service: it runs the sagas of the service in this worker.
import type { Logger } from 'pino';
import type { ServiceDefinition, ServiceDeps } from '../api/service-definition.js';
import type { Database } from '../db/database.js';
import { createSagaEngine, type SagaEngine } from '../saga/engine.js';
import { lastCompensationLock } from './last-compensation-lock.js';
import { observeSagas } from './observe-sagas.js';
import type { WorkerContext } from './worker-context.js';

export interface ServiceSagaEngineOptions {
  readonly definition: ServiceDefinition;
  readonly context: WorkerContext;
  /** What the service is given; its saga steps get the same. */
  readonly deps: Pick<ServiceDeps, 'call' | 'cpu' | 'shared'>;
  readonly db: Database;
  /** Connections of their own, so that statements of routes do not delay the renewal of saga leases. */
  readonly journal: Database;
  readonly log: Logger;
}

export function createServiceSagaEngine(options: ServiceSagaEngineOptions): SagaEngine {
  const { definition, context, deps, db, journal, log } = options;
  const { name, sagas = [] } = definition;
  const { thread, block, recorder, tracing, hasFailed } = context;
  const { call, cpu, shared } = deps;
  const names = sagas.map((saga) => saga.name);
  return createSagaEngine({
    db: journal,
    definitions: sagas,
    tools: { call, cpu, db, shared },
    service: name,
    owner: { instanceId: thread.instanceId, slot: thread.worker, generation: thread.generation },
    log,
    lastChanceLock: lastCompensationLock(block, thread.slot),
    hasFailed,
    observer: observeSagas(recorder, tracing, names),
  });
}
