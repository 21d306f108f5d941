// Measures the CPU time of a unary call in the serving process: of a whole process of Multilane with one gRPC worker,
// its limits, metrics and supervision included, and of grpc-js alone, beside a second one of the same (A/A), in
// interleaved rounds. node build/bench/grpc/serve.js
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { loadProto } from '#src/grpc/load-proto.js';
import { cpuTime } from '../process/proc.js';
import { type Server, startServer } from '../process/server.js';
import { spread } from '../statistics.js';

const [ROUNDS, CALLS, TOGETHER] = [7, 6_000, 32];
const MOST = 1.3;

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { path, request, response } = [
  ...(await loadProto(new URL('./bench.proto', import.meta.url))).values(),
][0]!;

interface Subject {
  readonly name: string;
  readonly server: Server;
  readonly client: Client;
  readonly costs: number[];
  readonly rates: number[];
}

const subjects: Subject[] = [];
try {
  await add('grpc-js', bare());
  await add('grpc-js again', bare());
  await add('multilane', startServer(own()));
  for (const subject of subjects) await load(subject.client, CALLS / 2);
  for (let round = 0; round < ROUNDS; round++) for (const subject of subjects) await measure(subject);
  report();
} finally {
  for (const { client, server } of subjects) {
    client.close();
    await server.stop();
  }
}

function bare(): Promise<Server> {
  return startServer({ name: 'grpc-js', command: process.execPath, args: [file('./bare.js')] });
}

function own(): Parameters<typeof startServer>[0] {
  const args = [file('../../../dist/primary.js'), '--config', file('./multilane.config.js')];
  const ports = { PORT: '0', ADMIN_PORT: '0', GRPC_PORT: '0', HOST: '127.0.0.1' };
  return {
    name: 'multilane',
    command: process.execPath,
    args,
    env: { ...ports, WORKERS: '1', LOG_LEVEL: 'error' },
  };
}

async function add(name: string, starting: Promise<Server>): Promise<void> {
  const server = await starting;
  const client = new Client(`127.0.0.1:${await portOf(server)}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  subjects.push({ name, server, client, costs: [], rates: [] });
}

async function portOf({ url, readyLine }: Server): Promise<string> {
  const admin = /admin (\S+)/.exec(readyLine)?.[1];
  if (admin === undefined) return new URL(url).port;
  const answer = await fetch(`${admin}/registry/v1/services/bench`);
  const { instances } = (await answer.json()) as { instances: { protocol: string; port: number }[] };
  return String(instances.find(({ protocol }) => protocol === 'grpc')!.port);
}

async function measure({ server, client, costs, rates }: Subject): Promise<void> {
  const before = cpuTime(server.pid);
  const begun = performance.now();
  await load(client, CALLS);
  rates.push((CALLS / (performance.now() - begun)) * 1000);
  const after = cpuTime(server.pid);
  costs.push((after.user + after.system - before.user - before.system) / CALLS);
}

async function load(client: Client, calls: number): Promise<void> {
  let left = calls;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await call(client);
  };
  await Promise.all(Array.from({ length: TOGETHER }, lane));
}

function call(client: Client): Promise<object> {
  const write = (message: object): Buffer => Buffer.from(request.encode(message));
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      write,
      (bytes) => response.decode(bytes),
      { id: 7, name: 'hello' },
      (error, item) => (error === null ? resolve(item!) : reject(error as Error)),
    );
  });
}

function report(): void {
  const [base] = subjects;
  for (const { name, costs, rates } of subjects) {
    const ratio = spread(costs.map((cost, round) => cost / base!.costs[round]!));
    const [cost, rate] = [spread(costs), spread(rates)];
    console.log(
      `${name}: ${cost.median.toFixed(1)} us a call (${cost.min.toFixed(1)} to ${cost.max.toFixed(1)}), ` +
        `${ratio.median.toFixed(2)} x grpc-js (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}, at most ${MOST}), ` +
        `${rate.median.toFixed(0)} calls/s`,
    );
  }
}
