// One way to a 503, and the ends that it is asked for at.

import { App } from '#src/server/app.js';
import type { AppOptions } from '#src/server/app-options.js';
import type { Application } from '#src/server/handler.js';
import { inject } from '#src/server/inject.js';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { bench } from '#test/server/kit.js';
import { Wire, type WireAnswer } from '#test/support/wire.js';

export type Reached = Response | WireAnswer | undefined;

export interface Way {
  readonly title: string;
  /** Throwers that it reaches, as `sites.ts` finds them: file, code, and how many there are of it. */
  readonly sites: readonly string[];
  readonly code: string;
  /** What every response must say; `probe` says nothing of it. */
  readonly executed: boolean | 'probe';
  /** Every response that the thrower leads to, at least one. */
  readonly reach: () => Promise<readonly Reached[]>;
}

interface Plain {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export const responseOf = ({ status, headers }: Plain, body: Uint8Array): Response =>
  new Response(Uint8Array.from(body), { status, headers: { ...headers } });

/** The same GET from outside in memory, from a service of this process, and over a socket. */
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

/** A route whose handler does this. */
export const byHandler = (handler: () => unknown): Promise<Reached[]> =>
  everyWay(bench((app) => app.get('/', () => handler())).app);

/** An app like the bench's with other options. */
export function appWith(options: Partial<AppOptions>, fill: (app: Application) => void): App {
  const app = new App({ ...bench(() => undefined).app.options, ...options });
  app.mount('demo', fill);
  return app;
}
