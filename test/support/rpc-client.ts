// Clients of gRPC for the methods of `everything.proto`, and a load that calls one all the time.
import { pathToFileURL } from 'node:url';
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  credentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadProto } from '#src/grpc/load-proto.js';
import type { RpcMethod } from '#src/grpc/rpc-method.js';
import { json } from './client.js';
import type { Cluster } from './cluster.js';
import { pace } from './pace.js';

const EVERYTHING = pathToFileURL('test/grpc/fixtures/everything.proto');

export interface Item {
  readonly name: string;
}

/** The outcome of a call: the name in the response, or the status code and text of the failure. */
export type Outcome = { readonly name: string } | { readonly code: number; readonly text: string };

export class RpcClient {
  readonly #client: Client;
  readonly #methods: ReadonlyMap<string, RpcMethod>;

  static async to(
    port: number,
    trust: ChannelCredentials = credentials.createInsecure(),
  ): Promise<RpcClient> {
    // A pool of connections that clients of this process share would hide which of them is used.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    return new RpcClient(new Client(`127.0.0.1:${port}`, trust, options), await loadProto(EVERYTHING));
  }

  private constructor(client: Client, methods: ReadonlyMap<string, RpcMethod>) {
    this.#client = client;
    this.#methods = methods;
  }

  /** Calls `Get`. Never rejects. */
  get(name: string, options: CallOptions = {}): Promise<Outcome> {
    const { path, request, response } = this.#methods.get('/multilane.test.v1.Everything/Get')!;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        path,
        (item: object) => Buffer.from(request.encode(item)),
        (bytes) => response.decode(bytes) as Item,
        { name },
        options,
        (error: ServiceError | null, item) =>
          resolve(error === null ? { name: item!.name } : { code: error.code, text: error.details }),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** What has become of the calls of a load. */
export interface RpcAccount {
  succeeded: number;
  readonly failed: Outcome[];
}

export interface RpcLoad {
  readonly account: RpcAccount;
  /** Resolves when this many further calls have succeeded. */
  answered(count: number): Promise<void>;
  /** Waits for the calls under way. */
  stop(): Promise<void>;
}

/**
 * Calls `Get` all the time, one call after the other in each of `lanes`, with a short pause between them.
 * @param next returns the client of the next call
 * @param done called with it after the call
 */
export function rpcLoad(
  lanes: number,
  next: () => RpcClient | Promise<RpcClient>,
  done: (client: RpcClient) => void = () => {},
): RpcLoad {
  const account: RpcAccount = { succeeded: 0, failed: [] };
  const waiting = new Set<() => void>();
  let hasEnded = false;
  const call = async (): Promise<void> => {
    while (!hasEnded) {
      const client = await next();
      const outcome = await client.get('thread', { deadline: Date.now() + 20_000 });
      done(client);
      if ('code' in outcome) account.failed.push(outcome);
      else account.succeeded += 1;
      for (const check of waiting) check();
      await pace();
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, call));
  return {
    account,
    answered(count) {
      const wanted = account.succeeded + count;
      return new Promise((resolve) => {
        const check = (): void => {
          if (account.succeeded < wanted) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
      });
    },
    async stop() {
      hasEnded = true;
      await running;
    },
  };
}

/** The ports of the gRPC workers, as the registry lists them. */
export async function rpcPorts(cluster: Pick<Cluster, 'adminUrl'>, service = 'rpc'): Promise<number[]> {
  const response = await fetch(`${cluster.adminUrl}/registry/v1/services/${service}`);
  const { instances } = await json<{
    instances: readonly { readonly protocol: string; readonly port: number; readonly state: string }[];
  }>(response);
  return instances.filter(({ protocol }) => protocol === 'grpc').map(({ port }) => port);
}
