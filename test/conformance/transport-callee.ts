// The service that the transports call in transports.test.ts: the same handlers as routes of HTTP, and as
// methods of gRPC whose messages are bytes.
import { HttpError, NotFoundError, UnavailableError } from '#src/errors.js';
import type { MessageCodec, RpcMethod } from '#src/grpc/rpc-method.js';
import { boundMethods } from '#src/server/grpc/rpc-methods.js';
import { bench } from '#test/server/kit.js';

export const MIB = 1024 * 1024;

export interface CalleeState {
  pulled: number;
  closed: number;
  requests: number;
}

const sumOf = (bytes: Uint8Array): object => {
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.fill(0);
  return { sum };
};

async function* endless(state: CalleeState): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      state.pulled += MIB;
      yield new Uint8Array(MIB);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    state.closed++;
  }
}

async function* cut(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(MIB);
  await new Promise((resolve) => setImmediate(resolve));
  throw new Error('no more');
}

const BYTES: MessageCodec = {
  type: 'bytes',
  encode: (message) => message as Uint8Array,
  decode: (bytes) => bytes,
};

const method = (name: string, responseStream = false): RpcMethod => ({
  service: 'demo.Demo',
  name,
  path: `/demo.Demo/${name}`,
  requestStream: false,
  responseStream,
  isIdempotent: false,
  request: BYTES,
  response: BYTES,
});

export const METHODS: readonly RpcMethod[] = [
  ...['Fill', 'Any', 'Status', 'Never', 'Bytes'].map((name) => method(name)),
  method('Endless', true),
];

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** A failure of a status. gRPC has no successes of other statuses, and sends failures only as such. */
function failure(status: number): Error {
  if (status === 404) return new NotFoundError('There is none.');
  if (status === 503) return new UnavailableError('DATABASE_BUSY', 'Later.');
  return new HttpError('ODD', 'It failed.', { status });
}

/** The handlers of the methods. What a route has in its path, a method has in its message. */
const rpcHandlers = (state: CalleeState) => ({
  Fill: (message: Uint8Array) => json(sumOf(message)),
  Any: () => {
    state.requests++;
    return json({ ok: true });
  },
  Status: (message: Uint8Array) => {
    const status = Number(Buffer.from(message).toString());
    if (status !== 200) throw failure(status);
    return json({});
  },
  Never: () => new Promise<never>(() => undefined),
  Bytes: (message: Uint8Array) => new Uint8Array(Number(Buffer.from(message).toString())).fill(7),
  Endless: () => endless(state),
});

export function callee() {
  const state: CalleeState = { pulled: 0, closed: 0, requests: 0 };
  const { app } = bench(
    (demo) => {
      demo.post('/fill', async (ctx) => sumOf(await ctx.readBytes()));
      demo.get('/any', () => {
        state.requests++;
        return { ok: true };
      });
      demo.get('/status/:code', (ctx) => {
        ctx.status(Number(ctx.params.code));
        return {};
      });
      demo.get('/fields', (ctx) => {
        ctx
          .cookie('a', '1', { expires: new Date(0) })
          .cookie('b', '2')
          .header('x-name', 'café €');
        return {};
      });
      demo.get('/spaces', (ctx) => {
        ctx.header('x-spaced', '  a  b ');
        return { spaced: ctx.headers.get('x-spaced') };
      });
      demo.get('/header/:bytes', (ctx) => {
        ctx.header('x-long', 'x'.repeat(Number(ctx.params.bytes)));
        return {};
      });
      demo.get('/never', () => new Promise<never>(() => undefined));
      demo.post('/any', () => ({ ok: true }));
      demo.get('/bytes/:count', (ctx) => new Uint8Array(Number(ctx.params.count)).fill(7));
      demo.get('/cut', (ctx) => ctx.stream(cut(), 'application/octet-stream'));
      demo.get('/endless', (ctx) => ctx.stream(endless(state), 'application/octet-stream'));
    },
    { maxBodyBytes: 64 * MIB },
  );
  const fault = (reason: string) => new Error(reason);
  const bound = boundMethods(METHODS, { Demo: rpcHandlers(state) } as never, fault);
  for (const { method: one, target } of bound) app.prepareRpc('demo', one, target)();
  return { app, state };
}
