// The .proto files of all services that code may call by gRPC, whether this process runs them or not. The
// files of a service are loaded with the first call of it in a thread.
import { loadProto } from './load-proto.js';
import { MethodIndex } from './method-index.js';

/** The .proto files of one service. */
export type ProtoFiles = URL | readonly URL[];

export class KnownProtos {
  readonly #files: ReadonlyMap<string, ProtoFiles>;
  readonly #loaded = new Map<string, MethodIndex>();
  readonly #loading = new Map<string, Promise<MethodIndex>>();

  /** @param files by the name of the service */
  constructor(files: ReadonlyMap<string, ProtoFiles>) {
    this.#files = files;
  }

  /**
   * @returns without a promise what is loaded
   * @throws TypeError for a service without .proto files, and for files that are missing or wrong
   */
  of(service: string): MethodIndex | Promise<MethodIndex> {
    return this.#loaded.get(service) ?? this.#loading.get(service) ?? this.#load(service);
  }

  #load(service: string): Promise<MethodIndex> {
    const files = this.#files.get(service);
    if (files === undefined) throw noProtos(service);
    const loading = this.#loadFiles(service, files);
    this.#loading.set(service, loading);
    return loading;
  }

  async #loadFiles(service: string, files: ProtoFiles): Promise<MethodIndex> {
    try {
      const index = new MethodIndex(service, (await loadProto(files)).values());
      this.#loaded.set(service, index);
      return index;
    } finally {
      // After a failure, such as a lack of file descriptors, the next call loads them again.
      this.#loading.delete(service);
    }
  }
}

const noProtos = (service: string): TypeError =>
  new TypeError(
    `call('${service}').grpc: no .proto file of this service is known: declare it as grpc.proto of its ` +
      `defineService, or for a service that is not in this project as ` +
      `defineConfig({ protos: { ${JSON.stringify(service)}: new URL('./${service}.proto', import.meta.url) } })`,
  );
