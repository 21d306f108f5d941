// Mounts the gRPC methods of the services of a thread on its App.
import { ConfigError } from '../errors.js';
import { loadProto } from '../grpc/load-proto.js';
import type { RpcMethod } from '../grpc/rpc-method.js';
import type { ErrorFactory } from '../options.js';
import type { App } from '../server/app.js';
import { type BoundMethod, boundMethods } from '../server/grpc/rpc-methods.js';
import type { MountedService } from './mounted-service.js';

/** A method with the service that has declared it. */
export interface MountedRpcMethod extends RpcMethod {
  readonly owner: MountedService;
}

export interface MountRpcOptions {
  readonly awaitsDatabases: boolean;
}

interface Bound {
  readonly service: MountedService;
  readonly methods: readonly BoundMethod[];
}

/**
 * Loads the .proto files of the services and mounts their handlers: all of them, or none when it fails, so
 * that it may be called again.
 * @returns all methods
 * @throws ConfigError that names the service, for a wrong file, for handlers that do not match it, and for
 *   wrong options of a method
 */
export async function mountRpc(
  app: App,
  services: readonly MountedService[],
  { awaitsDatabases }: MountRpcOptions,
): Promise<readonly MountedRpcMethod[]> {
  const all = await Promise.all(services.map(boundOf));
  refuseSamePaths(all);
  const mounts = all.flatMap(({ service, methods }) => {
    const isReady = (): boolean => service.ready || !awaitsDatabases;
    return methods.map((one) => prepared(app, service.definition.name, one, isReady));
  });
  for (const mount of mounts) mount();
  return all.flatMap(({ service, methods }) => methods.map(({ method }) => ({ ...method, owner: service })));
}

function prepared(
  app: App,
  service: string,
  { method, target }: BoundMethod,
  isReady: () => boolean,
): () => void {
  try {
    return app.prepareRpc(service, method, target, { isReady });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ConfigError(cause.message, { cause });
  }
}

async function boundOf(service: MountedService): Promise<Bound> {
  const { name, grpc } = service.definition;
  if (grpc === undefined) return { service, methods: [] };
  const fault: ErrorFactory = (reason) => new ConfigError(`service "${name}": grpc: ${reason}`);
  const loaded = await loadProto(grpc.proto).catch((cause: Error) => {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ConfigError(`service "${name}": ${cause.message}`, { cause });
  });
  return { service, methods: boundMethods(loaded.values(), service.rpcHandlers(), fault) };
}

/** Clients name the method only, so each has one service. */
function refuseSamePaths(all: readonly Bound[]): void {
  const owners = new Map<string, string>();
  for (const { service, methods } of all) {
    const { name } = service.definition;
    for (const { method } of methods) {
      const owner = owners.get(method.path);
      if (owner !== undefined)
        throw new ConfigError(
          `service "${name}": grpc: ${method.path.slice(1)} is served by service "${owner}"`,
        );
      owners.set(method.path, name);
    }
  }
}
