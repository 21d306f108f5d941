// The standard reflection service (grpc/grpc doc/server-reflection.md), with which clients such as grpcurl
// ask for the .proto files of a server.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

export async function addReflection(server: Server, protos: readonly URL[]): Promise<void> {
  const files = protos.map((url) => fileURLToPath(url));
  const includeDirs = [...new Set(files.map((file) => dirname(file)))];
  // Names are shown as they are in the files.
  const definitions = await load(files, { keepCase: true, includeDirs });
  new ReflectionService(definitions).addToServer(server);
}
