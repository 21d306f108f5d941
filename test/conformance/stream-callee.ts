// The service whose bodies are streamed in streamed-calls.test.ts, and the client that calls it.
import { HttpError } from '#src/errors.js';
import type { App } from '#src/server/app.js';
import { type CallDependencies, createCall } from '#src/upstream/client.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { InProcessTransport } from '#src/upstream/in-process-transport.js';
import { NOT_WATCHED } from '#src/upstream/outliers.js';
import { inProcessDispatch, inProcessStreams } from '#src/worker/in-process-dispatch.js';
import { CORES, type CoreUnderTest } from '#test/server/cores.js';
import { bench } from '#test/server/kit.js';
import { closedBreaker, endpoint } from '#test/upstream/endpoints.js';

export const PIECE = Buffer.alloc(64 * 1024, 'x');

export interface StreamState {
  requests: number;
  /** Bytes that were read of request bodies, and pieces that were taken of response bodies. */
  read: number;
  pulled: number;
  /** Sources of responses that were released, and requests whose client has left. */
  closed: number;
  left: number;
  /** Cuts off the response of `/broken`, whose first piece was sent. */
  break(): void;
}

/** Yields pieces of 64 KiB, as many as are wanted. */
export async function* pieces(count: number, seen: { pulled: number; closed: number }) {
  try {
    for (let i = 0; i < count; i++) {
      seen.pulled++;
      yield PIECE;
    }
  } finally {
    seen.closed++;
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

export function streamCallee() {
  const state: StreamState = { requests: 0, read: 0, pulled: 0, closed: 0, left: 0, break() {} };
  const { app } = bench((demo) => {
    demo.hook('onRequest', () => void state.requests++);
    const upload = { bodyLimit: 2 ** 40 };
    demo.post('/size', upload, async (ctx) => {
      let size = 0;
      for await (const piece of ctx.readStream()) {
        size += piece.length;
        state.read += piece.length;
      }
      return { size, length: ctx.headers.get('content-length') ?? null };
    });
    demo.put('/size', upload, async (ctx) => ({ size: (await ctx.readBytes()).length }));
    demo.post('/echo', upload, (ctx) => ctx.stream(ctx.readStream(), 'text/plain'));
    demo.post('/early', upload, () => ({ early: true }));
    demo.post('/short', { bodyLimit: 10 }, async (ctx) => ({ size: (await ctx.readBytes()).length }));
    demo.post('/never', upload, never);
    demo.get('/never', (ctx) => {
      ctx.signal.addEventListener('abort', () => void state.left++);
      return never();
    });
    demo.get('/pieces/:count', (ctx) =>
      ctx.header('x-name', 'café €').stream(pieces(Number(ctx.params.count), state), 'text/plain'),
    );
    demo.get('/text/:text', (ctx) => ctx.text(ctx.params.text!));
    demo.get('/broken', (ctx) => {
      const broken = new Promise<void>((resolve) => {
        state.break = resolve;
      });
      const half = async function* () {
        yield 'half';
        await broken;
        throw new Error('it broke');
      };
      return ctx.stream(half(), 'text/plain');
    });
    demo.get('/silent', (ctx) =>
      ctx.stream(
        (async function* () {
          yield 'first';
          await never();
        })(),
        'text/plain',
      ),
    );
    demo.get('/status/:code', (ctx) => ctx.status(Number(ctx.params.code)).text('') as never);
    demo.get('/unavailable', () => {
      throw new HttpError('DATABASE_BUSY', 'Later.');
    });
  });
  return { app, state };
}

export interface StreamWay {
  readonly dependencies: Pick<CallDependencies, 'transports' | 'streams' | 'inProcessStreams'>;
  readonly port: number;
  readonly local: boolean;
  close(): Promise<void>;
}

const LIMITS = { maxHeaderBytes: 16_384, maxUrlBytes: 8192 };

export const STREAM_WAYS: Readonly<Record<string, (app: App) => Promise<StreamWay>>> = {
  async 'in-process'(app) {
    const transport = new InProcessTransport(
      inProcessDispatch(app, LIMITS, async () => undefined),
      inProcessStreams(app, LIMITS),
    );
    return {
      dependencies: {
        transports: { http: transport, inProcess: transport },
        streams: transport,
        inProcessStreams: transport,
      },
      port: 1,
      local: true,
      close: () => transport.close(),
    };
  },
  ...Object.fromEntries(
    CORES.map((core) => [`over HTTP (${core.name} core)`, (app: App) => overHttp(app, core)]),
  ),
};

async function overHttp(app: App, core: CoreUnderTest): Promise<StreamWay> {
  const server = core.serverOf(app, { settings: LIMITS });
  const port = await server.listen(0, '127.0.0.1');
  const http = new HttpTransport();
  const streams = new HttpTransport({ maxResponseBytes: Number.POSITIVE_INFINITY });
  return {
    dependencies: { transports: { http }, streams },
    port,
    local: false,
    async close() {
      await Promise.all([http.close(), streams.close()]);
      server.close();
    },
  };
}

/** A client of one endpoint, with what its calls hold and how they have ended. */
export function streamClient({ dependencies, port, local }: StreamWay, idleMs = 60_000) {
  const counts = { inFlight: 0, permits: 0 };
  const outcomes: string[] = [];
  const reached: string[] = [];
  const one = endpoint('one', { service: 'demo', port, local });
  const call = createCall({
    ...dependencies,
    streamIdleMs: idleMs,
    balancer: { pick: () => one, has: () => false, knows: () => true },
    breaker: closedBreaker(outcomes),
    outliers: { ...NOT_WATCHED, ended: (_, how) => void reached.push(how) },
    load: {
      begin: () => void counts.inFlight++,
      end: () => void counts.inFlight--,
      observe() {},
      failed() {},
      unanswered() {},
      report() {},
    },
    budget: { deposit() {}, hasToken: () => true, withdraw: () => true },
    clock: () => performance.now(),
    random: () => 0,
    callPermitsOf: () => ({
      permits: {
        enter: () => {
          counts.permits++;
          return true;
        },
        leave: () => void counts.permits--,
      },
      refused() {},
    }),
    singleFlight: undefined as never,
  });
  return { demo: call('demo'), counts, outcomes, reached };
}
