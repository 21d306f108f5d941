// The HTTP cores. A suite that opens sockets runs on each of them: `onCores` in place of `describe`. Where
// the cores are meant to differ, a test states the value of each: `{ uws: …, node: … }[core.name]`, as the
// table in docs/http.md does.
import type { App } from '#src/server/app.js';
import type { HttpServer, HttpServerOptions } from '#src/server/http-core.js';
import { NodeServer } from '#src/server/node/node-server.js';
import { UwsServer } from '#src/server/uws/uws-server.js';

type CoreOptions = Omit<HttpServerOptions, 'settings'> & {
  readonly settings?: Partial<HttpServerOptions['settings']>;
};

export interface CoreUnderTest {
  readonly name: 'uws' | 'node';
  /** @param options with settings that are other ones than LIMITS */
  serverOf(app: App, options?: CoreOptions): HttpServer;
}

const LIMITS: HttpServerOptions['settings'] = {
  maxHeaderBytes: 16_384,
  maxUrlBytes: 8192,
  streamIdleMs: 60_000,
};

const withLimits = (options: CoreOptions = {}): HttpServerOptions => ({
  ...options,
  settings: { ...LIMITS, ...options.settings },
});

export const CORES: readonly CoreUnderTest[] = [
  { name: 'uws', serverOf: (app, options) => new UwsServer(app, withLimits(options)) },
  { name: 'node', serverOf: (app, options) => new NodeServer(app, withLimits(options)) },
];

/** Describes a suite for each core. @param suite defines its tests, with servers of `core.serverOf` only */
export function onCores(title: string, suite: (core: CoreUnderTest) => void): void {
  for (const core of CORES) describe(`${title}, on the ${core.name} core`, () => suite(core));
}
