// Measures `GET /health` while the CPU pool is saturated, against the same process at rest, in interleaved
// rounds. The requests are sent at a fixed rate, whatever the responses take. node build/bench/cpu-pool/health.js
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startServer } from '../process/server.js';
import { spread } from '../statistics.js';

const [ROUNDS, CALM] = [5, 3];
const [ROUND_MS, EVERY_MS] = [4_000, 10];
/** Clients that each keep one task in the pool. The queue holds 64 for each thread, so none is refused. */
const CLIENTS = 32;
/** Below this, differences are the noise of a machine with two cores. */
const NOISE_MS = 20;

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const server = await startServer({
  name: 'multilane',
  command: process.execPath,
  args: [file('../../../dist/primary.js'), '--config', file('./multilane.config.js')],
  env: { PORT: '0', HOST: '127.0.0.1', ADMIN_PORT: '0', LOG_LEVEL: 'error', CPU_THREADS: '1', WORKERS: '1' },
});
try {
  await measure();
} finally {
  await server.stop();
}

async function measure(): Promise<void> {
  const rest: number[] = [];
  const control: number[] = [];
  const saturated: number[] = [];
  await round(500);
  for (let n = 0; n < ROUNDS; n++) {
    rest.push(await round(ROUND_MS));
    const stop = saturate();
    await sleep(200);
    saturated.push(await round(ROUND_MS));
    const tasks = await stop();
    control.push(await round(ROUND_MS));
    console.log(
      `round ${n + 1}: p99 at rest ${shown(rest.at(-1)!)}, saturated ${shown(saturated.at(-1)!)} ` +
        `(${tasks} tasks of 20 ms), at rest again ${shown(control.at(-1)!)}`,
    );
  }
  const calmest = (values: readonly number[]): number =>
    spread(values.toSorted((a, b) => a - b).slice(0, CALM)).median;
  const atRest = Math.max(NOISE_MS, calmest([...rest, ...control]));
  const ratio = Math.max(NOISE_MS, calmest(saturated)) / atRest;
  console.log(
    `p99 of /health, median of the ${CALM} calmest: at rest ${shown(calmest(rest))}, again ` +
      `${shown(calmest(control))}, saturated ${shown(calmest(saturated))}; ratio ${ratio.toFixed(2)} (at most 2)`,
  );
}

function shown(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}

/** @returns the p99 of requests at a fixed rate */
async function round(ms: number): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const pending: Promise<number>[] = [];
  const from = performance.now();
  for (let due = from; due < from + ms; due += EVERY_MS) {
    await sleep(Math.max(0, due - performance.now()));
    // The latency counts from the time at which the request was due.
    pending.push(request('/health', agent).then(() => performance.now() - due));
  }
  const times = (await Promise.all(pending)).sort((a, b) => a - b);
  agent.destroy();
  return times[Math.ceil(times.length * 0.99) - 1]!;
}

/** Keeps the pool saturated until the returned function is called, which resolves with the number of tasks. */
function saturate(): () => Promise<number> {
  const agent = new Agent({ keepAlive: true });
  let [isOver, tasks] = [false, 0];
  const client = async (): Promise<void> => {
    while (!isOver) {
      await request('/burn', agent);
      tasks++;
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return async () => {
    isOver = true;
    await Promise.all(clients);
    agent.destroy();
    return tasks;
  };
}

function request(path: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get(server.url + path, { agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path}: status ${response.statusCode}`));
      response.resume().on('end', resolve);
    });
    sent.on('error', reject);
  });
}
