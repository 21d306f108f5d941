// An HTTP worker, put together: the host of its services, the server in front of it, and what its thread is
// told.

import { setImmediate as turn } from 'node:timers/promises';
import { startLoadSampler } from '../cluster/load-sampler.js';
import type { ReadyService, WorkerBoot } from '../cluster/messages.js';
import { boundReceiveBuffers, listenersOn } from '../cluster/receive-buffers.js';
import { readTopicBatch, TopicChannels } from '../cluster/topic-channels.js';
import { WorkerMail } from '../cluster/worker-mail.js';
import type { WorkerSide } from '../cluster/worker-side.js';
import { Block } from '../memory/block.js';
import { Switches } from '../memory/switches.js';
import { TopicHints } from '../memory/topic-hints.js';
import { sinceHeartbeat } from '../memory/worker-row.js';
import { checkCertificate, tlsFilesOf } from '../server/certificate.js';
import { connectionGate } from '../server/connections/connection-gate.js';
import { createUwsServer } from '../server/uws/uws.js';
import { createLogger } from '../telemetry/log.js';
import { ringSink, stdoutSink } from '../telemetry/log-sink.js';
import { readSharedCallMessage } from '../upstream/single-flight.js';
import { closeServer, endUnfinished, GOODBYE_MS, untilNoConnection } from './drain.js';
import { createHost } from './host.js';
import { loadServices } from './load-services.js';
import type { ServiceDatabase } from './mounted-service.js';
import { StallHandler } from './stall-handler.js';

/** Of a drain, what is left for telling those who wait for a saga how far it has come. */
const ANSWER_MS = 500;

export async function serve(boot: WorkerBoot, side: WorkerSide): Promise<void> {
  const { settings, worker, slot } = boot;
  const block = Block.attach(boot.memory);
  const switches = new Switches(block);
  let dropped = (): void => undefined;
  const lost = (): void => dropped();
  const sink = boot.logMemory === undefined ? stdoutSink(lost) : ringSink(boot.logMemory, lost);
  const log = createLogger(settings, { worker }, sink, () => switches.logLevel);

  // Answers say `Connection: close` once the listener is closed, or this worker is out of rotation: earlier,
  // clients would only come back through an accept queue that is about to be reset.
  let leaving = false;
  const messageFailed = (error: unknown): void => {
    log.error({ err: error }, 'a message of another worker could not be read');
  };
  const mail = new WorkerMail(slot, block.workers, messageFailed);
  const calls = mail.box('calls', readSharedCallMessage);
  const bus = new TopicChannels(new TopicHints(block, slot), mail.box('topics', readTopicBatch));
  const host = createHost({
    hasFailed: () => side.hasFailed,
    thread: boot,
    block,
    series: boot.series,
    definitions: await loadServices(settings),
    cpuPort: boot.cpuPort,
    log,
    mail: calls,
    bus,
    draining: () => leaving,
  });
  const { app, services, clock, recorder, row } = host;

  // Anew in every thread: replaced, it serves what the files hold by then.
  const tls = tlsFilesOf(settings);
  const doubts = tls === undefined ? [] : checkCertificate(tls);
  // Of the first threads the primary has said it.
  if (boot.generation > 1) for (const doubt of doubts) log.warn(doubt);
  const gate = connectionGate(block, slot, settings.maxConnections, recorder);
  const droppedLines = recorder.counter('multilane_log_lines_dropped_total');
  dropped = () => droppedLines.add();
  const cutConnections = recorder.counter('multilane_drain_connections_closed_total');
  const server = createUwsServer(app, { settings, tls, gate });
  const sampler = startLoadSampler(row, clock, settings.workerHeapMb, () => host.beat());
  const standing = (): number => sinceHeartbeat(block, slot, clock());
  const stalls = new StallHandler({ app, server, row, standing, stallMs: settings.stallMs });
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
      });
      // Out of rotation by now. Closed before what requests need is: none may arrive to find it gone.
      const closed = untilNoConnection(busyness, withinMs, leastMs)
        .then(() => stalls.answer())
        .then(() => endUnfinished(app, log))
        .then(() => closeServer(server, cutConnections, log));
      const sagasMs = Math.max(0, withinMs - ANSWER_MS);
      await Promise.all([closed, ...services.map((service) => service.drain(sagasMs, closed))]);
      calls.close();
      await host.close();
      bus.close();
      mail.close();
      sampler.stop();
    },
    isStalled: () => stalls.isStalled(),
    examine: () => stalls.examine(),
    recover: () => stalls.recover(),
    accountsFor: (error) => app.running()?.listenerFailed(error) ?? false,
    close: () => server.close(),
  });
  // A replacement takes no connection before it can answer.
  await Promise.all(boot.ready.map((ready) => side.mount(ready)));
  if (leaving) return;
  if (boot.port !== undefined) {
    const others = listenersOn(boot.port);
    await server.listen(boot.port, settings.host);
    await boundReceiveBuffers(boot.port, log, others);
  }
  const descriptor = boot.port === undefined ? server.descriptor() : undefined;
  side.ready({ slot, app: descriptor }, app.switchable());
}
