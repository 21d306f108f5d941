// The HTTP server of one worker: its certificate, who may connect, and how it listens.
import type { Logger } from 'pino';
import type { WorkerBoot } from '../cluster/messages.js';
import { boundReceiveBuffers, listenersOn } from '../cluster/receive-buffers.js';
import type { Descriptor } from '../cluster/sharding.js';
import type { Block } from '../memory/block.js';
import { checkCertificate, tlsFilesOf } from '../server/certificate.js';
import { connectionGate } from '../server/connections/connection-gate.js';
import { UwsServer } from '../server/uws/uws-server.js';
import type { Host } from './host.js';

export function createWorkerServer(
  { settings, slot, generation }: WorkerBoot,
  block: Block,
  { app, recorder }: Host,
  log: Logger,
): UwsServer {
  // Read per thread, so that a replacement serves a renewed certificate.
  const tls = tlsFilesOf(settings);
  const warnings = tls === undefined ? [] : checkCertificate(tls);
  // The primary has already logged these for the first generation.
  if (generation > 1) for (const warning of warnings) log.warn(warning);
  const gate = connectionGate(block, slot, settings.maxConnections, recorder);
  return new UwsServer(app, { settings, tls, gate });
}

/**
 * Listens on the port of the boot message.
 * @returns what the acceptor hands sockets over to, where the boot message has no port
 */
export async function listen(
  server: UwsServer,
  { port, settings }: WorkerBoot,
  log: Logger,
): Promise<Descriptor['app']> {
  if (port === undefined) return server.descriptor();
  const others = listenersOn(port);
  await server.listen(port, settings.host);
  await boundReceiveBuffers(port, log, others);
  return undefined;
}
