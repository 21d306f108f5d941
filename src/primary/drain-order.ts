// What happens, in which order, when the process that serves is to end: it hands the admin plane over to a
// successor, reports that it is not ready, stops listening, and lets its workers finish.
import { setTimeout as delay } from 'node:timers/promises';
import type { Sharding } from '../cluster/sharding.js';
import type { Ending, Serving } from '../process/ending.js';
import type { OwnerLock } from '../process/owner-lock.js';
import type { Registry } from '../registry/registry.js';
import type { AdminPlane } from './admin-plane-server.js';
import type { GrpcInstances } from './grpc-instances.js';
import { handOverAdminPlane } from './hand-over.js';
import type { Readiness } from './readiness.js';
import type { Base } from './steps/open-shared-memory.js';
import type { Threads } from './worker-threads.js';

export interface DrainedParts {
  readonly base: Base;
  readonly ending: Ending;
  readonly lock: OwnerLock | undefined;
  readonly adminPlane: AdminPlane;
  readonly dataPlane: Sharding;
  readonly registry: Registry;
  readonly readiness: Readiness;
  readonly threads: Threads;
  /** undefined when no service declares gRPC. */
  readonly grpc: GrpcInstances | undefined;
}

export function drainOrder(parts: DrainedParts): Serving {
  const { ending, base, threads } = parts;
  const { drainNoticeMs, drainMs } = base.settings;
  const { workers, cpu, reload } = threads;
  return {
    drain: () => drain(parts),
    drainWithinMs: drainNoticeMs + drainMs,
    unfinished: () => [...workers.unfinished, ...cpu.unfinished],
    leaveNow: () => workers.stop(0),
    reload: () => {
      if (!ending.hasBegun) base.notifier.reloading(reload.begin());
    },
  };
}

async function drain(parts: DrainedParts): Promise<void> {
  const { base, lock, adminPlane, dataPlane, registry, readiness, threads, grpc } = parts;
  const { settings, services, notifier, log } = base;
  try {
    await handOverAdminPlane(adminPlane.server, lock, log);
  } finally {
    readiness.drain();
    notifier.stopping();
    for (const { name } of services) registry.setLocalState(name, 'draining');
    grpc?.drain();
    await delay(settings.drainNoticeMs);
    try {
      await dataPlane.stopListening();
    } finally {
      await threads.workers.stop(settings.drainMs);
    }
  }
}
