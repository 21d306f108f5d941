// The reference shop in this thread, made by the test kit: no socket, but a real PostgreSQL.

import type { ServiceDeps } from '#src/api/service-definition.js';
import { referenceShop } from '#src/services/catalog.js';
import type { DependencyOverrides } from '#src/testing/overrides.js';
import { createTestApp } from '#src/testing/test-app.js';
import { startTestPostgres } from '#test/support/postgres.js';

export interface ShopRequest {
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request comes from this process, so that it may reach internal routes. */
  readonly inProcess?: boolean;
}

export interface InProcessShop {
  request(method: string, path: string, options?: ShopRequest): Promise<Response>;
  /** Rows of the database of one service. */
  rows<R>(service: string, text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Names of services that `call` does not reach, as if they had no instance. */
  readonly unreachable: Set<string>;
  close(): Promise<void>;
}

async function startInProcessShop(): Promise<InProcessShop> {
  const unreachable = new Set<string>();
  const withoutUnreachable = ({ call }: ServiceDeps): DependencyOverrides => ({
    call: (service) => call(unreachable.has(service) ? 'unreachable' : service),
  });
  const app = await createTestApp({
    services: referenceShop,
    databaseUrl: (await startTestPostgres()).url,
    deps: Object.fromEntries(referenceShop.map(({ name }) => [name, withoutUnreachable])),
    settings: { logLevel: 'silent' },
  });
  return {
    unreachable,
    async request(method, path, { inProcess = false, ...options } = {}) {
      const response = await app.inject({ method, path, internal: inProcess, ...options });
      const body = response.bytes();
      return new Response(body.length === 0 ? null : Uint8Array.from(body), {
        status: response.status,
        headers: { ...response.headers },
      });
    },
    rows: async <R>(service: string, text: string, values: readonly unknown[] = []) =>
      app.database(service).many<R>(text, values),
    close: () => app.close(),
  };
}

/** Starts a shop before the tests of a `describe` block and closes it after them. */
export function useInProcessShop(): Omit<InProcessShop, 'close'> {
  let shop: InProcessShop;
  before(async () => {
    shop = await startInProcessShop();
  });
  after(() => shop.close());
  return {
    request: (...given) => shop.request(...given),
    rows: (...given) => shop.rows(...given),
    get unreachable() {
      return shop.unreachable;
    },
  };
}
