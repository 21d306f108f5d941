// Measures the CPU time of a call by gRPC in the calling process: of `call(name).grpc` with registry page, picker,
// breaker, retry budget and load in shared memory, and of the client of grpc-js alone with the same definitions and
// a deadline. Both alternate in one run, against a server in another process. node build/bench/micro/rpc-call.js

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { KnownProtos } from '#src/grpc/known-protos.js';
import { loadProto } from '#src/grpc/load-proto.js';
import type { RpcMethod } from '#src/grpc/rpc-method.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { sharedClock } from '#src/memory/clock.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { SnapshotLog } from '#src/memory/snapshot-log.js';
import { snapshotText } from '#src/registry/snapshot-text.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { threadWatch } from '#src/resilience/loop-watch.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { Balancer } from '#src/upstream/balancer.js';
import { createCall } from '#src/upstream/client.js';
import { endpointStatuses } from '#src/upstream/endpoint-status.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { forgettingBreakers, Outliers } from '#src/upstream/outliers.js';
import { RegistryView } from '#src/upstream/registry-view.js';
import { p2cPicker } from '#src/upstream/strategies/power-of-two-choices.js';
import { spread } from '../statistics.js';
import { endpoint } from './endpoint.js';

const PROTO = new URL('../../../src/services/orders/orders.proto', import.meta.url);
const PATH = '/multilane.orders.v1.OrderService/GetUserOrders';
const [ROUNDS, WARM_UP, CALLS, TOGETHER] = [12, 3, 1_500, 50];
/** The numbers of orders in a response. */
const LIMITS = [1, 20];
const requestOf = (limit: number) => ({ userId: 7, limit });
const ORDER = {
  id: 1,
  userId: 7,
  productId: 3,
  quantity: 2,
  status: 'confirmed',
  createdAt: { seconds: 1_800_000_000, nanos: 0 },
};

/** Makes a call whose response has this number of orders. */
type Measured = (limit: number) => Promise<unknown>;

const method = (await loadProto(PROTO)).get(PATH)!;

if (process.argv[2] === 'serve') await serve(method);
else await measure(method);

async function serve({ request, response }: RpcMethod): Promise<void> {
  const server = new Server();
  const messages = new Map(
    LIMITS.map((limit) => [limit, Buffer.from(response.encode({ orders: new Array(limit).fill(ORDER) }))]),
  );
  const respond = (
    call: { readonly request: { readonly limit: number } },
    done: (error: null, bytes: Buffer) => void,
  ): void => done(null, messages.get(call.request.limit)!);
  const same = (bytes: Buffer): Buffer => bytes;
  server.register(PATH, respond as never, same, (bytes: Buffer) => request.decode(bytes) as never, 'unary');
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  process.send!(port);
  process.once('disconnect', () => process.exit());
}

/** A call with everything that it has in a worker but metrics and spans. */
function ownCall(port: number): Measured {
  const block = Block.create({ workers: 1 });
  const clock = sharedClock(block);
  const load = new EndpointCells(block, 1, clock);
  const one = { ...endpoint('orders', 0), port, protocol: 'grpc' as const };
  new SnapshotLog(block).publish('', () => snapshotText({ revision: 'r-0', endpoints: () => [one] }));
  const view = new RegistryView(new SnapshotLog(block));
  const endpoints: RegistryView['endpoints'] = (service, protocol) => view.endpoints(service, protocol);
  const rule = ejectionRule(30_000);
  const breaker = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, clock);
  const news = { ejected: () => undefined, returned: () => undefined };
  const cells = new EjectionCells(block, rule, clock, forgettingBreakers(breaker, news));
  const grpc = new GrpcTransport();
  const call = createCall({
    streams: { stream: () => Promise.reject(new Error('no call is streamed here')) },
    streamIdleMs: 60_000,
    balancer: new Balancer({
      endpoints,
      picker: p2cPicker(load, Math.random),
      statuses: endpointStatuses(cells, rule),
      clock,
      random: Math.random,
    }),
    breaker,
    outliers: new Outliers({ cells, records: load, endpoints }),
    slowCallMs: 10_000,
    load,
    budget: new RetryBudgetCell(block, clock),
    callPermitsOf: undefined as never,
    singleFlight: undefined as never,
    transports: { http: grpc, grpc },
    methods: new KnownProtos(new Map([['orders', PROTO]])),
    clock,
    watch: threadWatch,
    random: Math.random,
  });
  return (limit) => call('orders').grpc('GetUserOrders', requestOf(limit));
}

/** The client of the library, with a promise for each call. */
function bareCall(port: number, { request, response }: RpcMethod): Measured {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const write = (message: unknown): Buffer => Buffer.from(request.encode(message));
  const read = (bytes: Buffer): object => response.decode(bytes);
  return (limit) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        PATH,
        write,
        read,
        requestOf(limit),
        { deadline: Date.now() + 30_000 },
        (error, message) => (error === null ? resolve(message) : reject(error)),
      );
    });
}

/** @returns microseconds of CPU time of this process for each call */
async function costOf(call: Measured, limit: number): Promise<number> {
  const before = process.cpuUsage();
  let left = CALLS;
  const one = async (): Promise<void> => {
    while (left-- > 0) await call(limit);
  };
  await Promise.all(Array.from({ length: TOGETHER }, one));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

async function measure(of: RpcMethod): Promise<void> {
  const server = fork(fileURLToPath(import.meta.url), ['serve']);
  const [port] = (await once(server, 'message')) as [number];
  const [own, bare] = [ownCall(port), bareCall(port, of)];
  for (const limit of LIMITS) report(limit, await alternately(own, bare, limit));
  process.exit();
}

interface Costs {
  readonly own: number;
  readonly bare: number;
}

/** Each is first in every other round. */
async function alternately(own: Measured, bare: Measured, limit: number): Promise<readonly Costs[]> {
  const costs: Costs[] = [];
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    const early = round % 2 === 0 ? await costOf(own, limit) : undefined;
    const bareCost = await costOf(bare, limit);
    const ownCost = early ?? (await costOf(own, limit));
    if (round >= WARM_UP) costs.push({ own: ownCost, bare: bareCost });
  }
  return costs;
}

function report(limit: number, costs: readonly Costs[]): void {
  const line = (what: string, values: readonly number[], unit: string): void => {
    const { median, min, max } = spread(values);
    process.stdout.write(
      `${`${limit} orders: ${what}`.padEnd(36)} ${median.toFixed(2)}${unit} (${min.toFixed(2)}..${max.toFixed(2)})\n`,
    );
  };
  line(
    'call().grpc',
    costs.map((cost) => cost.own),
    ' us',
  );
  line(
    'the client of grpc-js',
    costs.map((cost) => cost.bare),
    ' us',
  );
  line(
    'call().grpc / grpc-js',
    costs.map((cost) => cost.own / cost.bare),
    '',
  );
}
