// The server of a gRPC worker: its certificate, who may connect, its methods, and how it gets its port.
import { Switches } from '../memory/switches.js';
import { grpcTlsFilesOf } from '../server/certificate.js';
import { connectionGate } from '../server/connections/connection-gate.js';
import { GrpcServer } from '../server/grpc/grpc-server.js';
import { type HealthStatus, WHOLE_SERVER } from '../server/grpc/health-status.js';
import { handedPort } from './handed-port.js';
import type { MountedRpcMethod } from './mount-rpc.js';
import type { MountedService } from './mounted-service.js';
import type { OpenedServer, ServerContext } from './worker-server.js';
import { checkWorkerTls } from './worker-tls.js';

export async function openGrpcServer(context: ServerContext): Promise<OpenedServer> {
  const { boot, side, block, host } = context;
  const { settings } = boot;
  const methods = await host.rpcMethods();
  const server = await createServer(context, methods, () =>
    side.startFailed(new Error('the listener of this gRPC worker was closed by code of a service')),
  );
  const switches = new Switches(block);
  server.health.updateBy(() => updateHealth(server.health, methods, switches));
  const { stopListening, orders, begin } = handedPort(context, server, settings.grpcHost ?? settings.host, {
    host: 'GRPC_HOST',
    port: 'GRPC_PORT',
  });
  return {
    server: {
      get connections() {
        return server.connections;
      },
      // Calls that only the library knows, of health and reflection, are ended with the connections.
      unfinished: 0,
      stopListening,
      sayGoodbye() {
        server.goAway();
        return 0;
      },
      close: () => server.close(),
    },
    // Handlers are called by JavaScript, so no callback of native code has to be told of an interruption.
    core: { inCallback: false, prepareInterrupt() {}, exceptionThrown() {} },
    ...{ orders, begin },
  };
}

/**
 * A gRPC service is served once the database of its service has arrived, until the process drains. The server
 * as a whole is served when all of them are and the process is ready: as `GET /ready`.
 */
export function updateHealth(
  health: Pick<HealthStatus, 'set'>,
  methods: readonly { readonly service: string; readonly owner: Pick<MountedService, 'ready'> }[],
  { ready, draining }: Pick<Switches, 'ready' | 'draining'>,
): void {
  for (const { service, owner } of methods) health.set(service, owner.ready && !draining);
  health.set(WHOLE_SERVER, ready && !draining && methods.every(({ owner }) => owner.ready));
}

async function createServer(
  context: ServerContext,
  methods: readonly MountedRpcMethod[],
  listenerLost: () => void,
): Promise<GrpcServer> {
  const { boot, block, host } = context;
  const { settings, slot } = boot;
  const tls = grpcTlsFilesOf(settings);
  checkWorkerTls(tls, context);
  const protos = host.services.flatMap(({ definition }) => definition.grpc?.proto ?? []);
  return GrpcServer.create({
    app: host.app,
    methods,
    listenerLost,
    settings,
    gate: connectionGate(block, slot, settings.maxConnections, host.recorder),
    ...(tls !== undefined && { tls }),
    ...(settings.grpcReflection === 'on' && { reflection: protos }),
  });
}
