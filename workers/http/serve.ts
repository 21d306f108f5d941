// An HTTP worker, put together in the order of a request's path: memory, telemetry, calls, services, server.

import { setImmediate as turn } from 'node:timers/promises';
import { CpuClient } from '#src/cluster/cpu-client.js';
import { startLoadSampler } from '#src/cluster/load-sampler.js';
import type { ReadyService, WorkerBoot } from '#src/cluster/messages.js';
import { TopicChannels } from '#src/cluster/topic-channels.js';
import type { WorkerSide } from '#src/cluster/worker-side.js';
import { ConfigError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { Connections } from '#src/memory/connections.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import { SeriesTable } from '#src/memory/series.js';
import { Switches } from '#src/memory/switches.js';
import { TopicHints } from '#src/memory/topic-hints.js';
import { readHeartbeat, WorkerRow } from '#src/memory/worker-row.js';
import { createApp } from '#src/server/app.js';
import { checkCertificate, schemeOf, tlsFilesOf } from '#src/server/certificate.js';
import { apiDocs } from '#src/server/docs/routes.js';
import { createUwsServer } from '#src/server/uws.js';
import { mountedServices } from '#src/services/mounted.js';
import { systemRoutes } from '#src/services/system.js';
import { createLogger } from '#src/telemetry/log.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { createBounds } from './bounds.js';
import { createCalling } from './calling.js';
import { dispatchTo } from './dispatch.js';
import { endUnfinished, GOODBYE_MS, untilQuiet } from './drain.js';
import { MountedService, type ServiceDatabase } from './mounting.js';
import { observeCalls } from './observers.js';
import { countedRateLimits } from './rate-limits.js';
import { RequestMeters } from './request-meters.js';
import { countRefusals } from './shedding.js';
import { Stalls } from './stalls.js';
import { traceTrust } from './trace-trust.js';

/** Of a drain, what is left for telling those who wait for a saga how far it has come. */
const ANSWER_MS = 500;

export async function serve(boot: WorkerBoot, side: WorkerSide): Promise<void> {
  const { settings, worker, slot, instanceId } = boot;
  const block = Block.attach(boot.memory);
  const clock = sharedClock(block);
  const recorder = new SeriesTable(block, slot);
  const row = new WorkerRow(block, slot);
  const switches = new Switches(block);

  const log = createLogger(settings, { worker });
  const tracing = initTracing(settings, { worker, instanceId }, log);
  const scheme = schemeOf(settings);
  const meters = new RequestMeters(recorder, row, new FlightRecorder(block, slot), clock, scheme);

  // Answers say `Connection: close` once the listener is closed, or this worker is out of rotation: earlier,
  // clients would only come back through an accept queue that is about to be reset.
  let leaving = false;
  const messageFailed = (error: unknown): void => {
    log.error({ err: error }, 'a message of another worker could not be read');
  };
  const bounds = createBounds({ block, slot, clock, recorder }, settings.maxInFlight);
  const calling = createCalling({
    block,
    slot,
    clock,
    placesOf: bounds.placesOf,
    observer: observeCalls(recorder, tracing),
    dispatch: (service, request) => dispatch(service, request),
    meshToken: settings.meshToken,
    timeoutMs: settings.requestTimeoutMs,
    messageFailed,
  });
  const bus = new TopicChannels(slot, new TopicHints(block, slot), messageFailed);
  const app = createApp({
    settings,
    observer: meters,
    doors: bounds,
    rateLimits: countedRateLimits(block, clock, recorder),
    tracing,
    log,
    bus,
    scheme,
    draining: () => leaving,
    trustsTraceFlags: traceTrust(settings, (address) => calling.isInstance(address)),
  });
  const dispatch = dispatchTo(app);

  const cpu = new CpuClient(boot.cpuPort, tracing);
  const surroundings = { boot, block, clock, recorder, tracing, log, call: calling.call, cpu };
  const services = (await mountedServices(settings)).map(
    (definition) => new MountedService(definition, surroundings),
  );
  const state = { draining: () => switches.draining, ready: () => switches.ready };
  try {
    app.mount('system', (routes) => systemRoutes(routes, state), { unlimited: true });
    const title = services.map(({ definition }) => definition.name).join(', ');
    app.mount('system', (routes) => apiDocs(routes, { title, version: '1' }, () => app.routes()));
    for (const service of services) {
      const { name } = service.definition;
      app.mount(name, (routes) => service.routes(routes), { isReady: () => service.ready });
    }
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error), { cause: error });
  }

  // Anew in every thread: replaced, it serves what the files hold by then.
  const tls = tlsFilesOf(settings);
  const doubts = tls === undefined ? [] : checkCertificate(tls);
  // Of the first threads the primary has said it.
  if (boot.generation > 1) for (const doubt of doubts) log.warn(doubt);
  const connections = new Connections(block, slot, settings.maxConnections);
  const gate = countRefusals(connections, recorder, 'max_connections');
  const server = createUwsServer(app, { settings, tls, gate });
  const sampler = startLoadSampler(row, clock);
  const standing = (): number => clock() - readHeartbeat(block, slot);
  const stalls = new Stalls({ app, server, row, standing, stallMs: settings.stallMs });
  const serviceReady = async ({ service, database }: ReadyService): Promise<void> => {
    const mounted = services.find(({ definition }) => definition.name === service);
    await mounted?.arrive(database as ServiceDatabase);
  };
  side.arm({
    serviceReady,
    drain: async (withinMs) => {
      // Behind the poll of this turn: what a listener has not taken when it closes, the kernel resets.
      await turn();
      server.stopListening();
      leaving = true;
      const leastMs = server.leaveWebSockets() > 0 ? GOODBYE_MS : 0;
      const busyness = () => ({
        inFlight: app.inFlight + server.unfinished,
        connections: server.connections,
        requests: meters.begun,
      });
      // Out of rotation by now. Closed before what requests need is: none may arrive to find it gone.
      const closed = untilQuiet(busyness, withinMs, leastMs)
        .then(() => stalls.answer())
        .then(() => endUnfinished(app, log))
        .then(() => server.close());
      const sagasMs = Math.max(0, withinMs - ANSWER_MS);
      await Promise.all([closed, ...services.map((service) => service.drain(sagasMs, closed))]);
      await Promise.all([calling.close(), ...services.map((service) => service.close())]);
      bus.close();
      cpu.close();
      await tracing.shutdown();
      sampler.stop();
    },
    examine: () => stalls.examine(),
    recover: () => stalls.recover(),
    close: () => server.close(),
  });
  // A replacement takes no connection before it can answer.
  await Promise.all(boot.ready.map((ready) => side.mount(ready)));
  if (leaving) return;
  if (boot.port !== undefined) await server.listen(boot.port, settings.host);
  side.ready({ slot, app: boot.port === undefined ? server.descriptor() : undefined });
}
