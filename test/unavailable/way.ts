// The contract of one cause of a 503.

import { App } from '#src/server/app.js';
import type { AppOptions } from '#src/server/app-options.js';
import type { Application } from '#src/server/handler.js';
import { inject } from '#src/server/inject.js';
import { CORES, type CoreUnderTest } from '#test/server/cores.js';
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

/** What a connection of a server of this core brings about. */
export async function overSocket(
  core: CoreUnderTest,
  app: App,
  reach: (wire: Wire) => Promise<Reached>,
): Promise<Reached> {
  const server = core.serverOf(app);
  try {
    const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
    const response = await reach(wire);
    wire.destroy();
    return response;
  } finally {
    server.close();
  }
}

/** The responses on each HTTP core, one after the other. */
export async function onEachCore(reach: (core: CoreUnderTest) => Promise<Reached>): Promise<Reached[]> {
  const responses: Reached[] = [];
  for (const core of CORES) responses.push(await reach(core));
  return responses;
}

/** The same GET over sockets, and also in memory and from another service of this process. */
export async function everyWay(app: App, path = '/', fields: readonly string[] = []): Promise<Reached[]> {
  const overSockets = await onEachCore((core) =>
    overSocket(core, app, (wire) => wire.request('GET', path, fields)),
  );
  if (fields.length > 0) return overSockets;
  const outside = await inject(app, { url: path });
  const inProcess = await inject(app, { url: path, inProcess: true });
  return [...overSockets, responseOf(outside, outside.body), responseOf(inProcess, inProcess.body)];
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
