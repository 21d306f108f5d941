// A worker, put together: the host of its services, the server in front of it, and how its thread carries out
// the orders of the primary.
import { setImmediate as turn } from 'node:timers/promises';
import { activeTimeUs, startLoadSampler } from '../cluster/load-sampler.js';
import type { ReadyService, WorkerBoot } from '../cluster/messages.js';
import type { WorkerParts, WorkerSide } from '../cluster/worker-side.js';
import type { ConfigError } from '../errors.js';
import { Block } from '../memory/block.js';
import { sinceHeartbeat } from '../memory/worker-row.js';
import { ownThreadTimeUs } from '../process/proc.js';
import { installFetchGlobals } from '../server/fetch/fetch-classes.js';
import { isOfClient } from '../server/server-refusal.js';
import { ProjectListeners } from '../user-code/project-listeners.js';
import { followContinuations } from './continued-routes.js';
import { type DrainedWorker, drainWorker } from './drain-worker.js';
import { createHost } from './host.js';
import { loadProject, loadServices } from './load-services.js';
import type { ServiceDatabase } from './mounted-service.js';
import { projectProtos } from './project-protos.js';
import { StallHandler } from './stall-handler.js';
import { openChannels } from './worker-channels.js';
import { openWorkerLog } from './worker-log.js';
import type { OpenedServer, OpenServer } from './worker-server.js';

export async function serve(boot: WorkerBoot, side: WorkerSide, open: OpenServer): Promise<void> {
  const { settings, slot } = boot;
  const block = Block.attach(boot.memory);
  const { log, countDropped } = openWorkerLog(boot, block);
  // They end the start at once: a module that cannot listen may never finish to load. A successor serves
  // without them, as the other workers do.
  const projectListeners = new ProjectListeners();
  const refuse = ({ message, exitCode }: ConfigError): void => side.refuse(message, exitCode);
  if (boot.generation === 1) projectListeners.endStart(refuse, settings.configFile);
  else projectListeners.report(log);
  // Responses carry `Connection: close` only when no new connection can reach this worker. Before that, a
  // client could come back to the listener of this worker, and its connection would be reset when the
  // listener closes.
  let isLeaving = false;
  const startedLeaving = (): void => {
    isLeaving = true;
  };
  const channels = openChannels(block, slot, log);
  installFetchGlobals();
  const host = createHost({
    hasFailed: () => side.hasFailed,
    thread: boot,
    httpCore: settings.httpCore,
    block,
    series: boot.series,
    ...(boot.spans && { spans: boot.spans }),
    definitions: await loadServices(settings),
    protos: projectProtos(await loadProject(settings.configFile)),
    cpuPort: boot.cpuPort,
    log,
    mail: channels.calls,
    bus: channels.bus,
    draining: () => isLeaving,
  });
  const { app, clock, recorder, row } = host;
  countDropped(recorder);
  await host.prepared();
  // Node.js calls back in the same turn of the loop when a server listens.
  await turn();
  projectListeners.report(log);
  const opened = await open({ boot, side, block, host, log });
  const { server, core } = opened;
  followContinuations(row);
  const cpuTimeUs = ownThreadTimeUs() === undefined ? activeTimeUs : ownThreadTimeUs;
  const sampler = startLoadSampler(row, clock, settings.workerHeapMb, () => host.beat(), cpuTimeUs);
  const turnMs = (): number => sinceHeartbeat(block, slot, clock());
  const stalls = new StallHandler({ app, server: core, row, turnMs, stallMs: settings.stallMs });
  const closedConnections = recorder.counter('multilane_drain_connections_closed_total');
  const drained = { host, server, stalls, channels, log, closedConnections, startedLeaving };
  side.arm(ordersOf(drained, opened, () => sampler.stop()));
  // The services whose database is migrated already are mounted first, so that a replacement can serve them
  // as soon as it accepts connections.
  await Promise.all(boot.ready.map((ready) => side.mount(ready)));
  if (!isLeaving) await opened.begin();
}

/** What the primary, or a stall, may order of this worker. */
function ordersOf(worker: DrainedWorker, opened: OpenedServer, stopSampling: () => void): WorkerParts {
  const { host, server, stalls } = worker;
  return {
    ...opened.orders,
    serviceReady: async ({ service, database }: ReadyService) => {
      const mounted = host.services.find(({ definition }) => definition.name === service);
      await mounted?.arrive(database as ServiceDatabase);
    },
    drain: async (withinMs) => {
      await drainWorker(worker, withinMs);
      stopSampling();
    },
    isStalled: () => stalls.isStalled(),
    examine: () => stalls.examine(),
    recover: () => stalls.recover(),
    accountsFor: (error) => {
      opened.core.exceptionThrown();
      return host.app.running()?.listenerFailed(error) ?? false;
    },
    // Its request has failed with the same error already.
    accountsForRejection: isOfClient,
    close: () => server.close(),
  };
}
