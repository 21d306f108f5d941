// Measures what passing a request on costs: the CPU time of the gateway with one worker, and of HAProxy with one
// thread, beside a second one of the same (A/A), in interleaved rounds, in front of the same server.
// node build/bench/gateway/hop.js [SECONDS] [ROUNDS]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseTool } from '../load/choose.js';
import { haproxy } from '../process/haproxy.js';
import { register } from '../process/register.js';
import { type Server, type ServerCommand, startServer } from '../process/server.js';
import { CpuWindow } from '../process/window.js';
import { FIELD_SETS, type FieldSet, fieldsOf } from '../shapes/fields.js';
import { type Shape, shapeNamed } from '../shapes/shapes.js';
import { spread } from '../statistics.js';
import { rawUws } from '../subjects/own.js';

const [seconds = 2, rounds = 7] = process.argv.slice(2).map(Number);
/** The gateway may cost this many times what HAProxy costs. */
const MOST = 1.5;
const CONNECTIONS = 32;

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'multilane-gateway-'));
const tool = chooseTool('wrk');

interface Subject {
  readonly server: Server;
  readonly costs: Map<string, number[]>;
  readonly rates: Map<string, number[]>;
}

const servers: Server[] = [];
const subjects: Subject[] = [];
try {
  const upstream = await started(rawUws('upstream', 'acceptor', { workers: 1, scratch, upstream: '' }));
  const { host, port } = new URL(upstream.url);
  const proxied = (own: number): string => sameWork(own, host);
  await add(await haproxy('haproxy', scratch, proxied));
  await add(await haproxy('haproxy again', scratch, proxied));
  await add(gateway());
  await register(subjects[2]!.server, 'bench', Number(port));
  for (const shape of [shapeNamed('json'), shapeNamed('echo')])
    for (const fields of FIELD_SETS) await compare(shape, fields);
} finally {
  for (const server of servers.reverse()) await server.stop();
  rmSync(scratch, { recursive: true });
}

/**
 * HAProxy with one thread and the same work as the gateway: the prefix is removed, `X-Forwarded-*` and a request
 * id are added, connections are kept on both sides.
 */
function sameWork(port: number, upstream: string): string {
  return `global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  unique-id-format %{+X}o%ci%cp%Ts%rt
frontend gateway
  bind 127.0.0.1:${port}
  unique-id-header x-request-id
  option forwardfor
  http-request set-header x-forwarded-proto http
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request replace-path /svc/bench(.*) \\1
  default_backend bench
backend bench
  http-reuse always
  server one ${upstream}
`;
}

function gateway(): ServerCommand {
  const args = [file('../../../dist/primary.js'), '--config', file('./multilane.config.js')];
  const ports = { PORT: '0', ADMIN_PORT: '0', HOST: '127.0.0.1', DATA_DIR: join(scratch, 'data') };
  const env = { ...ports, WORKERS: '1', LOG_LEVEL: 'error' };
  return { name: 'multilane', command: process.execPath, args, env };
}

async function started(command: ServerCommand): Promise<Server> {
  const server = await startServer(command);
  servers.push(server);
  return server;
}

async function add(command: ServerCommand): Promise<void> {
  subjects.push({ server: await started(command), costs: new Map(), rates: new Map() });
}

async function compare(shape: Shape, fields: FieldSet): Promise<void> {
  const what = `${shape.name}, ${fields}`;
  for (const subject of subjects) await measure(subject, shape, fields, undefined);
  for (let round = 0; round < rounds; round++)
    for (const subject of subjects) await measure(subject, shape, fields, what);
  report(what);
}

/** @param what undefined: to warm up */
async function measure(
  { server, costs, rates }: Subject,
  shape: Shape,
  fields: FieldSet,
  what: string | undefined,
): Promise<void> {
  const window = new CpuWindow(server.pid);
  const result = await tool.run({
    ...{ url: `${server.url}/svc/bench`, shape, fields: fieldsOf(fields), connections: CONNECTIONS },
    ...{ seconds, window, signal: new AbortController().signal },
  });
  if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
  if (what === undefined) return;
  costs.set(what, [...(costs.get(what) ?? []), window.usage().cpuUs / result.completed]);
  rates.set(what, [...(rates.get(what) ?? []), result.perSecond]);
}

function report(what: string): void {
  const base = subjects[0]!.costs.get(what)!;
  for (const { server, costs, rates } of subjects) {
    const own = costs.get(what)!;
    const [cost, rate] = [spread(own), spread(rates.get(what)!)];
    const ratio = spread(own.map((value, round) => value / base[round]!));
    console.log(
      `${what}: ${server.name}: ${cost.median.toFixed(1)} us a request (${cost.min.toFixed(1)} to ${cost.max.toFixed(1)}), ` +
        `${ratio.median.toFixed(2)} x HAProxy (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}, at most ${MOST}), ` +
        `${rate.median.toFixed(0)} requests/s`,
    );
  }
}
