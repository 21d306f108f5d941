// The admin plane of another process as a shared registry: the real registry behind its real routes.
import type { AdminRequest, AdminResponse } from '#src/admin/admin-route.js';
import { registryRoutes } from '#src/admin/registry-routes.js';
import { HttpError } from '#src/errors.js';
import { type RegistryClient, RegistryFailure, type WatchEvent } from '#src/registry/backends/http-api.js';
import type { Registry } from '#src/registry/registry.js';
import { sentEvents } from '#test/support/sent-events.js';
import type { Host } from './host.js';
import type { Network, Stream } from './network.js';
import { simulatedRegistry } from './simulated-registry.js';

type Route = readonly [method: string, path: RegExp, handler: (request: AdminRequest) => unknown];

const NO_LOAD = { load: { inFlight: () => 0, smoothedLatency: () => 0 }, ejectedForMs: () => 0 };

export class PrimaryServer {
  readonly #network: Network;
  #registry: Registry;
  #routes: readonly Route[];
  #starts = 0;

  constructor(network: Network) {
    this.#network = network;
    this.#registry = this.#begun();
    this.#routes = routesOf(this.#registry);
  }

  /** @returns what opens a connection */
  clientsOf(host: Host): (secret: string) => RegistryClient {
    return (secret) => {
      let stream: Stream<WatchEvent> | undefined;
      return {
        request: (method, path, body) =>
          this.#network.request(host, () => this.#respond(secret, method, path, body)),
        watch: async (path, heard, ended) => {
          const opened = this.#network.stream(host, heard, ended);
          stream = opened;
          try {
            await this.#network.request(host, () => this.#watch(opened, secret, path));
          } catch (error) {
            opened.close();
            throw error;
          }
        },
        close: () => stream?.close(),
      };
    };
  }

  has(service: string, id: string): boolean {
    return this.#registry.instances(service).some((one) => one.id === id);
  }

  /** Another process has taken its place. It knows nothing yet. */
  restarted(): void {
    this.#network.lostAt = this.#network.time.now;
    this.#registry.close();
    this.#registry = this.#begun();
    this.#routes = routesOf(this.#registry);
  }

  /** A process that ends loses everything. */
  wipe(): void {}

  #begun(): Registry {
    this.#starts += 1;
    const { time } = this.#network;
    return simulatedRegistry({ name: `hub${this.#starts}`, time, schedule: time.schedule });
  }

  async #respond(secret: string, method: string, path: string, body?: object) {
    try {
      return (await this.#handle(secret, method, path, body)).json;
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      throw new RegistryFailure(error.status, error.message);
    }
  }

  async #watch(stream: Stream<WatchEvent>, secret: string, path: string): Promise<void> {
    const { stream: begin } = await this.#handle(secret, 'GET', path);
    const end = begin!({
      send: () => false,
      write(events) {
        if (!stream.isOpen) end();
        for (const { id, event, data } of stream.isOpen ? sentEvents(events) : [])
          stream.send({ type: event, id, data: JSON.parse(data) as unknown, size: data.length });
        return stream.isOpen;
      },
      isBehind: false,
      onceRead: () => undefined,
      close: () => stream.end(new Error('the registry has ended the watch')),
    });
  }

  async #handle(secret: string, method: string, target: string, body?: object): Promise<AdminResponse> {
    const [path = '', search] = target.split('?');
    for (const [accepted, pattern, handler] of this.#routes) {
      const found = accepted === method ? pattern.exec(path) : null;
      if (found === null) continue;
      const params = Object.fromEntries(
        Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
      );
      const query = new URLSearchParams(search);
      const request = { method, path, params, query, body, grants: 'all', header: () => secret };
      return (await handler(request as unknown as AdminRequest)) as AdminResponse;
    }
    throw new Error(`there is no route for ${method} ${path}`);
  }
}

const routesOf = (registry: Registry): readonly Route[] =>
  registryRoutes(registry, { ...NO_LOAD, mayShadowLocal: () => true }).map(({ method, path, handler }) => [
    method,
    new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`),
    handler,
  ]);
