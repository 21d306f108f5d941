// A server on a socket whose routes do what a test orders, and a check that nothing of a request is left.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import type { CoreUnderTest } from '../cores.js';
import { type Bench, bench, settled } from '../kit.js';

const PERMITS = 1000;

/** What the route does, by the phase of the request. */
export interface Script {
  onRequest?: (ctx: Context) => unknown;
  preHandler?: (ctx: Context) => unknown;
  handler?: (ctx: Context) => unknown;
  onError?: (ctx: Context, error: unknown) => unknown;
  onResponse?: (ctx: Context) => unknown;
}

export class Rig {
  script: Script = {};
  readonly world: Bench;
  readonly server: HttpServer;
  port = 0;
  /** The counted status of the last request. */
  get lastStatus(): number | undefined {
    return this.world.observer.seen.at(-1)?.status;
  }

  constructor(core: CoreUnderTest) {
    this.world = bench((app) => {
      const ask = (moment: keyof Script) => (ctx: Context, error?: unknown) =>
        (this.script[moment] as ((ctx: Context, error?: unknown) => unknown) | undefined)?.(ctx, error);
      app.hook('onRequest', ask('onRequest'));
      app.hook('preHandler', ask('preHandler'));
      app.hook('onError', ask('onError'));
      app.hook('onResponse', ask('onResponse') as () => void);
      const handler = (ctx: Context): unknown => ask('handler')(ctx);
      app.get('/', handler);
      app.post('/', { bodyLimit: 1000 }, handler);
      app.get('/compressed', { compress: true }, handler);
      app.get('/ok', () => 'ok');
    });
    this.world.world.permits = PERMITS;
    this.server = core.serverOf(this.world.app);
  }

  async open(): Promise<void> {
    this.port = await this.server.listen(0, '127.0.0.1');
  }

  /**
   * Sends one request on a connection of its own.
   * @returns status and body of the response, undefined when the connection ended without one
   */
  async ask(
    method: string,
    path = '/',
    fields: readonly string[] = [],
  ): Promise<{ status: number; body: string } | undefined> {
    const wire = await Wire.open(`http://127.0.0.1:${this.port}`);
    const answer = await wire.request(method, path, fields);
    wire.destroy();
    return answer && { status: answer.status, body: answer.body.toString() };
  }

  /** Sends a request and leaves as soon as it is being served. */
  async leave(path: string, served: Promise<unknown>): Promise<void> {
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await served;
    socket.destroy();
  }

  /** Every request so far has ended and holds nothing, and the next one is served. */
  async expectNothingHeld(what: string): Promise<void> {
    const { app, quotas, world } = this.world;
    const held = () => ({
      permits: PERMITS - world.permits,
      live: app.inFlight,
      unfinished: this.server.unfinished,
      alarms: app.wheel.size,
      bodies: quotas.bodies.held,
      bytes: quotas.bodyBytes.held,
      streams: quotas.streams.held,
    });
    const isNothing = (): boolean => Object.values(held()).every((count) => count === 0);
    for (let turns = 0; turns < 50 && !isNothing(); turns++) await settled();
    await until(isNothing, Boolean, 3000);
    expect(held(), what).to.deep.equal({
      permits: 0,
      live: 0,
      unfinished: 0,
      alarms: 0,
      bodies: 0,
      bytes: 0,
      streams: 0,
    });
    this.script = {};
    expect((await this.ask('GET', '/ok'))?.body, what).to.equal('ok');
  }
}
