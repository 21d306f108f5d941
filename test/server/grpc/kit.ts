// A gRPC server in front of an App in this thread, and a client of grpc-js that sends and receives bytes of
// messages by the same definitions.
import { pathToFileURL } from 'node:url';
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadProto } from '#src/grpc/load-proto.js';
import type { RpcMethod } from '#src/grpc/rpc-method.js';
import { GrpcServer, type GrpcServerOptions } from '#src/server/grpc/grpc-server.js';
import type { RpcHandlers } from '#src/server/grpc/rpc-handler.js';
import { boundMethods } from '#src/server/grpc/rpc-methods.js';
import { type Bench, bench } from '../kit.js';

export const EVERYTHING = pathToFileURL('test/grpc/fixtures/everything.proto');

type Message = Readonly<Record<string, unknown>>;

/** The response to a unary call. */
export interface Reply {
  readonly message: Message;
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

export interface RpcBench extends Bench {
  readonly server: GrpcServer;
  readonly port: number;
  readonly client: Client;
  readonly methods: ReadonlyMap<string, RpcMethod>;
  /** @throws ServiceError */
  readonly unary: (
    method: string,
    request: Message,
    options?: CallOptions,
    metadata?: Metadata,
  ) => Promise<Reply>;
  readonly list: (method: string, request: Message, options?: CallOptions) => ClientReadableStream<Message>;
  readonly chat: (method: string, options?: CallOptions) => ClientDuplexStream<Message, Message>;
  readonly collect: (
    method: string,
    done: (error: ServiceError | null, message?: Message) => void,
  ) => ClientWritableStream<Message>;
  readonly close: () => void;
}

type Overrides = NonNullable<Parameters<typeof bench>[1]> & {
  readonly server?: Partial<GrpcServerOptions['settings']>;
  readonly tls?: GrpcServerOptions['tls'];
  readonly gate?: GrpcServerOptions['gate'];
  readonly reflection?: readonly URL[];
  readonly listenerLost?: GrpcServerOptions['listenerLost'];
};

const OPEN_GATE: GrpcServerOptions['gate'] = { enter: () => true, leave: () => {}, givesUp: () => false };

/** Serves handlers of `everything.proto`; those that are not given fail. */
export async function rpcBench(
  handlers: RpcHandlers[string],
  { server: serverSettings, tls, gate = OPEN_GATE, reflection, listenerLost, ...overrides }: Overrides = {},
): Promise<RpcBench> {
  const made = bench(() => {}, overrides);
  const methods = await loadProto(EVERYTHING);
  const missing = (): never => {
    throw new Error('the test has no such handler');
  };
  const all = { Get: missing, List: missing, Collect: missing, Chat: missing, ...handlers };
  const bound = boundMethods(methods.values(), { Everything: all }, (reason) => new Error(reason));
  for (const { method, target } of bound) made.app.prepareRpc('kit', method, target)();
  const server = await GrpcServer.create({
    app: made.app,
    methods: [...methods.values()],
    settings: {
      maxBodyBytes: 1 << 20,
      maxHeaderBytes: 16 * 1024,
      requestTimeoutMs: 30_000,
      streamIdleMs: 60_000,
      ...serverSettings,
    },
    gate,
    ...(tls !== undefined && { tls }),
    ...(reflection !== undefined && { reflection }),
    ...(listenerLost !== undefined && { listenerLost }),
  });
  const port = await server.listen(0, '127.0.0.1');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    ...made,
    ...callsOf(client, methods),
    server,
    port,
    client,
    methods,
    close: () => {
      client.close();
      server.close();
    },
  };
}

export function callsOf(
  client: Client,
  methods: ReadonlyMap<string, RpcMethod>,
): Pick<RpcBench, 'unary' | 'list' | 'chat' | 'collect'> {
  const parts = (name: string) => {
    const { path, request, response } = methods.get(`/multilane.test.v1.Everything/${name}`)!;
    const write = (message: Message): Buffer => Buffer.from(request.encode(message));
    const read = (bytes: Buffer): Message => response.decode(bytes) as Message;
    return [path, write, read] as const;
  };
  return {
    unary: (name, request, options = {}, metadata = new Metadata()) =>
      new Promise((resolve, reject) => {
        let headers = new Metadata();
        let message: Message | undefined;
        let failure: ServiceError | null = null;
        const call = client.makeUnaryRequest(...parts(name), request, metadata, options, (error, value) => {
          failure = error;
          message = value;
        });
        call.on('metadata', (got) => {
          headers = got;
        });
        call.on('status', ({ metadata: trailers }) => {
          if (failure !== null) reject(failure as Error);
          else resolve({ message: message!, headers, trailers });
        });
      }),
    list: (name, request, options = {}) => client.makeServerStreamRequest(...parts(name), request, options),
    chat: (name, options = {}) => client.makeBidiStreamRequest(...parts(name), options),
    collect: (name, done) => client.makeClientStreamRequest(...parts(name), done),
  };
}
