// The standard health service (grpc/grpc doc/health-checking.md): the status of the server, and of each gRPC
// service on it.
import { createRequire } from 'node:module';
import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation, ServingStatus } from 'grpc-health-check';

/** The name of the server as a whole. */
export const WHOLE_SERVER = '';

export class HealthStatus {
  readonly #health: HealthImplementation;
  readonly #services: Set<string>;
  #isLeaving = false;

  /** Adds the service to a server. */
  static on(server: Server, services: readonly string[]): HealthStatus {
    const { HealthImplementation: Health } = createRequire(import.meta.url)(
      'grpc-health-check',
    ) as typeof import('grpc-health-check');
    const all = [WHOLE_SERVER, ...services];
    const health = new Health(Object.fromEntries(all.map((name) => [name, 'NOT_SERVING' as ServingStatus])));
    health.addToServer(server);
    return new HealthStatus(health, all);
  }

  private constructor(health: HealthImplementation, services: readonly string[]) {
    this.#health = health;
    this.#services = new Set(services);
  }

  /** @param service the full name of a gRPC service; an empty text for the server as a whole */
  set(service: string, isServing: boolean): void {
    if (this.#isLeaving || !this.#services.has(service)) return;
    this.#health.setStatus(service, isServing ? 'SERVING' : 'NOT_SERVING');
  }

  /** The server is about to end: no service is served from now on. */
  leave(): void {
    for (const service of this.#services) this.set(service, false);
    this.#isLeaving = true;
  }
}
