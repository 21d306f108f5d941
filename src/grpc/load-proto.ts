// Loads the .proto files of a service. The library that parses them takes a while to load, so it is loaded
// here at first use: in threads that serve gRPC, and in others with their first call by gRPC.
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Method, ReflectionObject, Root, Service, Type } from 'protobufjs';
import { errorMessage } from '../error-text.js';
import { lazyModule } from '../lazy-module.js';
import type { MessageCodec, RpcMethod } from './rpc-method.js';

const loadLibrary = lazyModule(async () => (await import('protobufjs')).default);
const loadCodecs = lazyModule(() => import('./message-codec.js'));

/**
 * @param protos the files; what they import is searched for beside the file that imports it and beside all of
 *   them
 * @returns the methods of all services in them, by path
 * @throws TypeError that names the file for one that is missing or wrong, or that defines no method
 */
export async function loadProto(protos: URL | readonly URL[]): Promise<ReadonlyMap<string, RpcMethod>> {
  const { services } = await loadDefinitions(protos);
  const codecOf = (await loadCodecs()).messageCodecs();
  const methods = services.flatMap(({ methodsArray }) => methodsArray.map((one) => methodOf(one, codecOf)));
  return new Map(methods.map((method) => [method.path, method]));
}

/** What .proto files define. */
interface Definitions {
  readonly services: readonly Service[];
}

/** @throws TypeError as `loadProto` */
export async function loadDefinitions(protos: URL | readonly URL[]): Promise<Definitions> {
  const files = [protos].flat().map((url) => fileURLToPath(url as URL));
  const { Root } = await loadLibrary();
  const root = new Root();
  root.resolvePath = (origin, target) => resolved(files, origin, target);
  try {
    // Some errors of the asynchronous variant are thrown where nothing can catch them.
    root.loadSync(files, { keepCase: false });
    renameTypeUrl(root);
    root.resolveAll();
  } catch (cause) {
    throw new TypeError(`grpc: ${files.join(', ')}: ${errorMessage(cause)}`, { cause });
  }
  const services = servicesIn(root);
  if (services.every(({ methodsArray }) => methodsArray.length === 0))
    throw new TypeError(`grpc: ${files.join(', ')}: no service with methods is defined`);
  return { services };
}

/** The library has the file of `Any` itself, with the one name in its files that is not camelCase. */
function renameTypeUrl(root: Root): void {
  const any = root.lookup('google.protobuf.Any') as Type | null;
  const field = any?.fields.type_url;
  if (any === null || field === undefined) return;
  any.remove(field);
  field.name = 'typeUrl';
  any.add(field);
}

/** The library has the files of google/protobuf itself, under the name by which they are imported. */
function resolved(files: readonly string[], origin: string, target: string): string {
  if (isAbsolute(target)) return target;
  const folders = [origin, ...files].filter((file) => file !== '').map((file) => dirname(file));
  const found = folders.map((folder) => join(folder, target)).find((file) => existsSync(file));
  return found ?? target;
}

function servicesIn(parent: Root | ReflectionObject): Service[] {
  if ('methods' in parent) return [parent as Service];
  const nested = (parent as { readonly nestedArray?: readonly ReflectionObject[] }).nestedArray ?? [];
  return nested.flatMap(servicesIn);
}

const IDEMPOTENT: readonly unknown[] = ['NO_SIDE_EFFECTS', 'IDEMPOTENT'];

function methodOf(method: Method, codecOf: (type: Type) => MessageCodec): RpcMethod {
  const { name, requestStream, responseStream, resolvedRequestType, resolvedResponseType } = method;
  const service = method.parent!.fullName.slice(1);
  return {
    service,
    name,
    path: `/${service}/${name}`,
    requestStream: requestStream === true,
    responseStream: responseStream === true,
    isIdempotent: IDEMPOTENT.includes(method.options?.idempotency_level),
    request: codecOf(resolvedRequestType!),
    response: codecOf(resolvedResponseType!),
  };
}
