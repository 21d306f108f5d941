// The gRPC workers as instances in the registry, and their ports. Each worker is one instance of every
// service that declares gRPC, from the moment on when it first listens.
import type { Logger } from 'pino';
import { hasDatabase } from '../api/define-service.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { WorkerPorts } from '../cluster/worker-ports.js';
import type { Settings } from '../config.js';
import type { Sharing } from '../process/claim.js';
import type { Registry } from '../registry/registry.js';

export const declaresGrpc = ({ grpc }: ServiceDefinition): boolean => grpc !== undefined;

export interface GrpcInstancesOptions {
  readonly registry: Pick<Registry, 'registerLocal' | 'setLocalState'>;
  readonly services: readonly ServiceDefinition[];
  readonly settings: Pick<Settings, 'grpcPort' | 'grpcTlsCertFile' | 'zone'>;
  /** The number of the first gRPC worker. */
  readonly firstWorker: number;
  /** GRPC_WORKERS */
  readonly count: number;
  /** The address that other processes reach the workers by. */
  readonly host: string;
  readonly sharing: Sharing;
  readonly log: Pick<Logger, 'error'>;
}

export class GrpcInstances implements WorkerPorts {
  readonly #options: GrpcInstancesOptions;
  readonly #services: readonly ServiceDefinition[];
  /** The ports of workers that have listened, by worker. */
  readonly #ports = new Map<number, number>();
  /** Services with the ports at which they are in the registry. */
  readonly #registered = new Set<string>();
  /** Workers that listen now. */
  readonly #listening = new Set<number>();
  /** Workers that listened, or should by now, and do not. */
  readonly #silent = new Set<number>();
  /** Services whose database is migrated. */
  readonly #migrated = new Set<string>();
  #isDraining = false;

  constructor(options: GrpcInstancesOptions) {
    this.#options = options;
    this.#services = options.services.filter(declaresGrpc);
  }

  /** The ports of all workers, as far as they are known: free ones are when their workers listen. */
  get ports(): readonly number[] {
    const { firstWorker, count } = this.#options;
    const all = Array.from({ length: count }, (_, index) => this.of(firstWorker + index));
    return all.filter((port) => port !== 0);
  }

  of(worker: number): number {
    const { settings, firstWorker } = this.#options;
    const { grpcPort: first } = settings;
    return this.#ports.get(worker) ?? (first === 0 ? 0 : first + worker - firstWorker);
  }

  isShared(worker: number): boolean {
    return this.#options.sharing === 'beside' && !this.#ports.has(worker);
  }

  isSilent(worker: number): boolean {
    return this.#silent.has(worker);
  }

  listening(worker: number, port: number): void {
    this.#ports.set(worker, port);
    this.#listening.add(worker);
    this.#silent.delete(worker);
    for (const { name } of this.#services) this.#register(name, worker, port);
    this.#update();
  }

  silent(worker: number): void {
    this.#listening.delete(worker);
    this.#silent.add(worker);
    this.#update();
  }

  /** The database of a service is migrated. */
  migrated(service: string): void {
    this.#migrated.add(service);
    this.#update();
  }

  /** The process is about to end: its workers get no new calls. */
  drain(): void {
    this.#isDraining = true;
    this.#update();
  }

  /** The registry may be full: then the worker serves unregistered until it listens the next time. */
  #register(service: string, worker: number, port: number): void {
    const key = `${service}:${port}`;
    if (this.#registered.has(key)) return;
    const { registry, settings, host, log } = this.#options;
    // Only callers in other processes read the scheme.
    const metadata: Record<string, string> =
      settings.grpcTlsCertFile === undefined ? {} : { scheme: 'https' };
    try {
      const { zone } = settings;
      registry.registerLocal(service, host, port, { protocol: 'grpc', metadata, zone, state: 'starting' });
      this.#registered.add(key);
    } catch (err) {
      const fields = { worker, port, service, err };
      log.error(fields, 'a service of a gRPC worker is not in the registry, so clients do not find it there');
    }
  }

  #update(): void {
    for (const service of this.#services) {
      const isMigrated = !hasDatabase(service) || this.#migrated.has(service.name);
      for (const [worker, port] of this.#ports) {
        const isServing = isMigrated && this.#listening.has(worker);
        const state = this.#isDraining ? 'draining' : isServing ? 'healthy' : 'starting';
        this.#options.registry.setLocalState(service.name, state, { protocol: 'grpc', port });
      }
    }
  }
}
