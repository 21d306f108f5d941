// The standard health service (grpc/grpc doc/health-checking.md): the status of the server, and of each gRPC
// service on it. The statuses are computed when a client asks, and several times a second while one watches.
import { createRequire } from 'node:module';
import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';

/** The name of the server as a whole. */
export const WHOLE_SERVER = '';

const NOT_FOUND = 5;
/** How often the statuses are compared while a client watches one. */
const COMPARE_EVERY_MS = 200;

type Status = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
interface Asked {
  readonly service: string;
}
interface Answer {
  readonly status: Status;
}
type Watch = ServerWritableStream<Asked, Answer>;

export class HealthStatus {
  readonly #statuses: Map<string, Status>;
  /** The calls of clients that watch a status, and what was sent to them last. */
  readonly #watches = new Map<Watch, Status>();
  #update: () => void = () => {};
  #comparing: NodeJS.Timeout | undefined;
  #isLeaving = false;

  /** Adds the service to a server. No service is served until `set` is called. */
  static on(server: Server, services: readonly string[]): HealthStatus {
    const { service } = createRequire(import.meta.url)(
      'grpc-health-check',
    ) as typeof import('grpc-health-check');
    const health = new HealthStatus(services);
    server.addService(service, {
      check: (call: ServerUnaryCall<Asked, Answer>, respond: sendUnaryData<Answer>) =>
        health.#check(call.request.service, respond),
      watch: (call: Watch) => health.#watch(call),
      list: (_: unknown, respond: sendUnaryData<{ statuses: Record<string, Answer> }>) =>
        respond(null, { statuses: health.#list() }),
    });
    return health;
  }

  private constructor(services: readonly string[]) {
    this.#statuses = new Map([WHOLE_SERVER, ...services].map((name) => [name, 'NOT_SERVING']));
  }

  /** @param update called before statuses are read: it calls `set` for what may have changed */
  updateBy(update: () => void): void {
    this.#update = update;
  }

  /** @param service the full name of a gRPC service; an empty text for the server as a whole */
  set(service: string, isServing: boolean): void {
    if (this.#isLeaving || !this.#statuses.has(service)) return;
    this.#statuses.set(service, isServing ? 'SERVING' : 'NOT_SERVING');
  }

  /** The server is about to end: no service is served from now on, and clients that watch are sent away. */
  leave(): void {
    for (const service of this.#statuses.keys()) this.set(service, false);
    this.#isLeaving = true;
    this.#compare();
    for (const call of this.#watches.keys()) this.#endWatch(call);
  }

  #check(service: string, respond: sendUnaryData<Answer>): void {
    this.#update();
    const status = this.#statuses.get(service);
    if (status !== undefined) respond(null, { status });
    else respond({ code: NOT_FOUND, details: `Health status unknown for service ${service}` });
  }

  #list(): Record<string, Answer> {
    this.#update();
    return Object.fromEntries([...this.#statuses].map(([name, status]) => [name, { status }]));
  }

  #watch(call: Watch): void {
    this.#update();
    const status = this.#statusFor(call);
    call.write({ status });
    this.#watches.set(call, status);
    call.on('cancelled', () => this.#forget(call));
    if (this.#isLeaving) this.#endWatch(call);
    else this.#comparing ??= setInterval(() => this.#compare(), COMPARE_EVERY_MS).unref();
  }

  /** Sends the statuses that have changed to the clients that watch them. */
  #compare(): void {
    this.#update();
    for (const [call, sent] of this.#watches) {
      const status = this.#statusFor(call);
      if (status === sent || call.writableNeedDrain) continue;
      this.#watches.set(call, status);
      call.write({ status });
    }
  }

  #statusFor({ request }: Watch): Status {
    return this.#statuses.get(request.service) ?? 'SERVICE_UNKNOWN';
  }

  #endWatch(call: Watch): void {
    this.#forget(call);
    call.end();
  }

  #forget(call: Watch): void {
    this.#watches.delete(call);
    if (this.#watches.size > 0) return;
    clearInterval(this.#comparing);
    this.#comparing = undefined;
  }
}
