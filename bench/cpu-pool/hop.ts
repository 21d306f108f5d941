// Measures the way of a task from an HTTP worker to a thread of the CPU pool and back, against a bare
// MessagePort: directly to a thread, and through a relay in the primary, which is the way of a task without a
// queue, a deadline, a check and a span. node build/bench/cpu-pool/hop.js
import { once } from 'node:events';
import { isMainThread, MessageChannel, type MessagePort, Worker, workerData } from 'node:worker_threads';
import { pino } from 'pino';
import { CpuClient } from '#src/cpu/cpu-client.js';
import { TaskPool } from '#src/cpu/task-pool.js';
import type { Tracing } from '#src/telemetry/span.js';
import { type Spread, spread } from '../statistics.js';
import { untraced } from './untraced.js';

const [ROUNDS, WARM_UP, TURNS] = [15, 3, 1_000];
const INPUT = { n: 40, name: 'a small input' };
const ENTRY = new URL('../../../dist/workers/task.js', import.meta.url);
const SELF = new URL(import.meta.url);

type Role =
  | { readonly role: 'echo'; readonly port: MessagePort }
  | {
      readonly role: 'caller';
      readonly pool: MessagePort;
      readonly direct: MessagePort;
      readonly relayed: MessagePort;
    };

if (isMainThread) await measure();
else begin(workerData as Role);

async function measure(): Promise<void> {
  const log = pino({ level: 'silent' });
  const pool = new TaskPool({ threads: 1, entry: ENTRY, log });
  const [cpu, direct, relayed, behind] = [0, 0, 0, 0].map(() => new MessageChannel());
  pool.attach(cpu!.port1);
  start({ role: 'echo', port: direct!.port1 });
  start({ role: 'echo', port: behind!.port1 });
  relay(relayed!.port1, behind!.port2);
  const ports = { pool: cpu!.port2, direct: direct!.port2, relayed: relayed!.port2 };
  const [report] = await once(start({ role: 'caller', ...ports }), 'message');
  show(report as Readonly<Record<string, readonly number[]>>);
  process.exit();
}

function start(role: Role): Worker {
  const { role: _, ...ports } = role;
  return new Worker(SELF, { workerData: role, transferList: Object.values(ports) });
}

function relay(a: MessagePort, b: MessagePort): void {
  a.on('message', (message) => b.postMessage(message));
  b.on('message', (message) => a.postMessage(message));
}

function begin(role: Role): void {
  if (role.role === 'echo') role.port.on('message', (message) => role.port.postMessage(message));
  else void call(role);
}

/** Measures the ways in turn, so that a disturbance hits all of them. */
async function call({ pool, direct, relayed }: Extract<Role, { role: 'caller' }>): Promise<void> {
  const { parentPort } = await import('node:worker_threads');
  const tracing: Tracing = untraced;
  const log = pino({ level: 'silent' });
  const cpu = new CpuClient(pool, { tracing, timeoutMs: 60_000, log }).tasks(
    'bench',
    new URL('./tasks.js', SELF),
  );
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    direct: () => pingPong(direct),
    relayed: () => pingPong(relayed),
    pool: () => cpu.run('echo', INPUT),
  };
  const times: Record<string, number[]> = { direct: [], relayed: [], pool: [] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const from = performance.now();
      for (let turn = 0; turn < TURNS; turn++) await way();
      if (round >= 0) times[name]!.push(((performance.now() - from) / TURNS) * 1_000);
    }
  }
  parentPort!.postMessage(times);
}

async function pingPong(port: MessagePort): Promise<void> {
  port.postMessage(INPUT);
  await new Promise((resolve) => port.once('message', resolve));
}

function show(times: Readonly<Record<string, readonly number[]>>): void {
  const bare = spread(times.relayed!).median;
  console.log('| way and back | us, median | range | of the relay |\n| --- | --- | --- | --- |');
  for (const [name, values] of Object.entries(times)) {
    const { median, min, max }: Spread = spread(values);
    console.log(
      `| ${name} | ${median.toFixed(1)} | ${min.toFixed(1)} to ${max.toFixed(1)} | ${(median / bare).toFixed(2)} |`,
    );
  }
}
