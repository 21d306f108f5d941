import {
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { expect } from 'chai';
import { service } from 'grpc-health-check';
import { type RpcBench, rpcBench } from './kit.js';

interface Answer {
  readonly status: string;
}

interface HealthClient {
  check(request: object, done: (error: ServiceError | null, answer?: Answer) => void): void;
  list(
    request: object,
    done: (error: ServiceError | null, answer?: { readonly statuses: object }) => void,
  ): void;
  watch(request: object): ClientReadableStream<Answer>;
  close(): void;
}

const NAME = 'multilane.test.v1.Everything';

describe('the health service of a gRPC server', () => {
  let rpc: RpcBench;
  let client: HealthClient;
  beforeEach(async () => {
    rpc = await rpcBench({});
    const { Health } = loadPackageDefinition({ Health: service });
    const Made = Health as unknown as new (address: string, secret: unknown) => HealthClient;
    client = new Made(`127.0.0.1:${rpc.port}`, credentials.createInsecure());
  });
  afterEach(() => {
    client.close();
    rpc.close();
  });

  const check = (name: string): Promise<string> =>
    new Promise((resolve) =>
      client.check({ service: name }, (error, answer) => resolve(error?.details ?? answer!.status)),
    );

  it('responds with what holds when it is asked', async () => {
    let isServing = false;
    rpc.server.health.updateBy(() => rpc.server.health.set('', isServing));
    expect(await check('')).to.equal('NOT_SERVING');
    isServing = true;
    expect(await check('')).to.equal('SERVING');
    expect(await check(NAME)).to.equal('NOT_SERVING');
    expect(await check('unknown')).to.match(/^Health status unknown/);
  });

  it('lists all names', async () => {
    rpc.server.health.set(NAME, true);
    const listed = await new Promise((resolve) => client.list({}, (_, answer) => resolve(answer?.statuses)));
    expect(listed).to.deep.equal({ '': { status: 'NOT_SERVING' }, [NAME]: { status: 'SERVING' } });
  });

  it('sends changes to clients that watch, and ends their calls when the server is about to end', async () => {
    let isServing = true;
    rpc.server.health.updateBy(() => rpc.server.health.set(NAME, isServing));
    const seen: string[] = [];
    for await (const { status } of client.watch({ service: NAME }) as AsyncIterable<Answer>) {
      seen.push(status);
      if (seen.length === 1) isServing = false;
      if (seen.length === 2) isServing = true;
      if (seen.length === 3) rpc.server.goAway();
    }
    expect(seen).to.deep.equal(['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  });

  it('ends the call of a client that watches an unknown service when the server is about to end', async () => {
    const late: string[] = [];
    const unknown = client.watch({ service: 'unknown' }) as AsyncIterable<Answer>;
    rpc.server.health.leave();
    for await (const { status } of unknown) late.push(status);
    expect(late).to.deep.equal(['SERVICE_UNKNOWN']);
  });
});
