// The .proto files of the services that code of a project may call by gRPC.
import { checkProtos } from '../api/define-config.js';
import { ConfigError } from '../errors.js';
import type { ProtoFiles } from '../grpc/known-protos.js';
import type { Project } from './load-services.js';

/** @throws ConfigError for `protos` that are no files, and for a service whose files are declared twice */
export function projectProtos({ services, protos = {} }: Project): ReadonlyMap<string, ProtoFiles> {
  checkProtos(protos);
  const files = new Map<string, ProtoFiles>(Object.entries(protos));
  for (const { name, grpc } of services) {
    if (grpc === undefined) continue;
    if (files.has(name))
      throw new ConfigError(`protos: service ${name} has its own grpc.proto; remove ${name} from protos`);
    files.set(name, grpc.proto);
  }
  return files;
}
