// The contract of one cause of a 503.

import { App } from '#src/server/app.js';
import type { AppOptions } from '#src/server/app-options.js';
import type { Application } from '#src/server/handler.js';
import { inject } from '#src/server/inject.js';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { bench } from '#test/server/kit.js';
import { Wire, type WireResponse } from '#test/support/wire.js';

export type Reached = Response | WireResponse | undefined;

export interface Way {
  readonly title: string;
  /** Throw sites that it reaches, in the form of `sites.ts`: file, code, and their number. */
  readonly sites: readonly string[];
  readonly code: string;
  /** The value of `executed` in every response; `probe` has none. */
  readonly executed: boolean | 'probe';
  /** The responses that it causes, at least one. */
  readonly reach: () => Promise<readonly Reached[]>;
}

interface Plain {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export const responseOf = ({ status, headers }: Plain, body: Uint8Array): Response =>
  new Response(Uint8Array.from(body), { status, headers: { ...headers } });

/** The same GET in memory, from another service of this process, and over a socket. */
export async function everyWay(app: App, path = '/', fields: readonly string[] = []): Promise<Reached[]> {
  const server = new UwsServer(app, {
    settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 },
  });
  try {
    const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
    const overSocket = await wire.request('GET', path, fields);
    wire.destroy();
    if (fields.length > 0) return [overSocket];
    const outside = await inject(app, { url: path });
    const inProcess = await inject(app, { url: path, inProcess: true });
    return [overSocket, responseOf(outside, outside.body), responseOf(inProcess, inProcess.body)];
  } finally {
    server.close();
  }
}

/** A route with this handler. */
export const byHandler = (handler: () => unknown): Promise<Reached[]> =>
  everyWay(bench((app) => app.get('/', () => handler())).app);

/** An app like that of the bench, with other options. */
export function appWith(options: Partial<AppOptions>, fill: (app: Application) => void): App {
  const app = new App({ ...bench(() => undefined).app.options, ...options });
  app.mount('demo', fill);
  return app;
}
