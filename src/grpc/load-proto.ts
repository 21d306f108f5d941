// Loads the .proto files of a service. The library that parses them takes a while to load, so it is loaded
// here at first use: in threads that serve gRPC, and in others with their first call by gRPC.
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IConversionOptions, Method, Reader, ReflectionObject, Root, Service, Type } from 'protobufjs';
import { bufferOf } from '../buffer-of.js';
import { errorMessage } from '../error-text.js';
import { lazyModule } from '../lazy-module.js';
import { hasInheritedNames, withoutInherited } from './inherited-names.js';
import { hasLongKeys, writeLongKeys } from './long-keys.js';
import { checkMessage } from './message-check.js';
import type { MessageCodec, RpcMethod } from './rpc-method.js';

/**
 * Decoded messages are plain objects, close to the JSON form of proto3: camelCase names, 64-bit integers as
 * decimal texts (a number would lose digits), enum values by name, bytes as Buffer. A field that was not sent
 * has its default value, except message fields (null) and the members of a oneof. The name of a oneof is a
 * member that says which of its members is set.
 */
const DECODED: IConversionOptions = {
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
};

type ReaderOf = (bytes: Uint8Array) => Reader;

const loadLibrary = lazyModule(async () => (await import('protobufjs')).default);

/** The services of .proto files, and the reader of their messages. */
interface LoadedProtos {
  readonly readerOf: ReaderOf;
  readonly services: readonly Service[];
}

/**
 * @param protos the files; what they import is searched for beside the file that imports it and beside all of
 *   them
 * @returns the methods of all services in them, by path
 * @throws TypeError that names the file for one that is missing or wrong, or that defines no method
 */
export async function loadProto(protos: URL | readonly URL[]): Promise<ReadonlyMap<string, RpcMethod>> {
  const { services, readerOf } = await loadDefinitions(protos);
  const methods = services.flatMap(({ methodsArray }) => methodsArray.map((one) => methodOf(one, readerOf)));
  return new Map(methods.map((method) => [method.path, method]));
}

/** @throws TypeError as `loadProto` */
export async function loadDefinitions(protos: URL | readonly URL[]): Promise<LoadedProtos> {
  const files = [protos].flat().map((url) => fileURLToPath(url as URL));
  const { Root, BufferReader } = await loadLibrary();
  /** The reader of the library takes the rest of the bytes for a text that is longer than they are. */
  class StrictReader extends BufferReader {
    override string(): string {
      return (this.bytes() as Buffer).toString('utf8');
    }
  }
  const root = new Root();
  root.resolvePath = (origin, target) => resolved(files, origin, target);
  try {
    // Some errors of the asynchronous variant are thrown where nothing can catch them.
    root.loadSync(files, { keepCase: false });
    root.resolveAll();
  } catch (cause) {
    throw new TypeError(`grpc: ${files.join(', ')}: ${errorMessage(cause)}`, { cause });
  }
  const services = servicesIn(root);
  if (services.every(({ methodsArray }) => methodsArray.length === 0))
    throw new TypeError(`grpc: ${files.join(', ')}: no service with methods is defined`);
  // The reader of the library reads texts of other arrays than Buffers as their numbers.
  return { services, readerOf: (bytes) => new StrictReader(bufferOf(bytes)) };
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

function methodOf(method: Method, readerOf: ReaderOf): RpcMethod {
  const { name, requestStream, responseStream, resolvedRequestType, resolvedResponseType } = method;
  const service = method.parent!.fullName.slice(1);
  return {
    service,
    name,
    path: `/${service}/${name}`,
    requestStream: requestStream === true,
    responseStream: responseStream === true,
    isIdempotent: IDEMPOTENT.includes(method.options?.idempotency_level),
    request: codecOf(resolvedRequestType!, readerOf),
    response: codecOf(resolvedResponseType!, readerOf),
  };
}

function codecOf(type: Type, readerOf: ReaderOf): MessageCodec {
  const mayInherit = hasInheritedNames(type);
  const longKeys = hasLongKeys(type);
  return {
    type: type.fullName.slice(1),
    encode(message) {
      checkMessage(type, message);
      const own = mayInherit ? withoutInherited(message) : message;
      return type.encode(type.fromObject(own as object)).finish();
    },
    decode(bytes) {
      const message = type.toObject(type.decode(readerOf(bytes)), DECODED);
      if (longKeys) writeLongKeys(type, message);
      return message;
    },
  };
}
