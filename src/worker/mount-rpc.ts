// Mounts the gRPC methods of the services of a thread on its App.
import { ConfigError } from '../errors.js';
import { loadProto } from '../grpc/load-proto.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import type { ErrorFactory } from '../options.js';
import type { App } from '../server/app.js';
import { boundMethods } from '../server/grpc/rpc-methods.js';
import type { MountedService } from './mounted-service.js';

export interface MountRpcOptions {
  readonly awaitsDatabases: boolean;
}

/**
 * Loads the .proto files of the services and mounts their handlers.
 * @returns all methods
 * @throws ConfigError that names the service, for a wrong file, and for handlers that do not match it
 */
export async function mountRpc(
  app: App,
  services: readonly MountedService[],
  { awaitsDatabases }: MountRpcOptions,
): Promise<readonly RpcMethod[]> {
  const mounted = await Promise.all(
    services.map(async (service) => {
      const { name, grpc } = service.definition;
      if (grpc === undefined) return [];
      const fault: ErrorFactory = (reason) => new ConfigError(`service "${name}": grpc: ${reason}`);
      const methods = await loadProto(grpc.proto).catch((cause: Error) => {
        throw new ConfigError(`service "${name}": ${cause.message}`, { cause });
      });
      const bound = boundMethods(methods.values(), service.rpcHandlers(), fault);
      const isReady = (): boolean => service.ready || !awaitsDatabases;
      for (const { method, target } of bound) app.mountRpc(name, method, target, { isReady });
      return [...methods.values()];
    }),
  );
  return mounted.flat();
}
