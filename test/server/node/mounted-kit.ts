// An App with its server on `node:http`, for tests of mounted applications.
import type { NodeHandler } from '#src/server/handler.js';
import { NodeServer } from '#src/server/node/node-server.js';
import type { TestCertificate } from '#test/support/certificate.js';
import { Wire } from '#test/support/wire.js';
import { type Bench, bench } from '../kit.js';

export const SETTINGS = { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 };

export interface Served extends Bench {
  readonly url: string;
  readonly server: NodeServer;
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  readonly wire: () => Promise<Wire>;
}

export const echo: NodeHandler = (request, response) => {
  request.pipe(response);
};

/** The code of a problem. */
export const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { code: unknown }).code;

/** Starts servers, and closes them after each test. @param tls gives the certificate of servers with TLS */
export function useNodeServers(
  tls?: () => TestCertificate | undefined,
): (...args: Parameters<typeof bench>) => Promise<Served> {
  const servers: NodeServer[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  return async (...args) => {
    const world = bench(...args);
    await world.app.applications.prepared();
    const certificate = tls?.();
    const server = new NodeServer(world.app, { settings: SETTINGS, tls: certificate });
    servers.push(server);
    const scheme = certificate === undefined ? 'http' : 'https';
    const url = `${scheme}://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    return {
      ...world,
      url,
      server,
      fetch: (path, init) => fetch(url + path, init),
      wire: () => Wire.open(url, certificate?.ca),
    };
  };
}
