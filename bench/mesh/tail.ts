// Measures the latencies of calls to six instances of which two are four times slower, from three processes at
// once: by the power of two choices, by Prequal, and through HAProxy with the least connections, in interleaved
// rounds. node build/bench/mesh/tail.js
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { haproxy } from '../process/haproxy.js';
import { register } from '../process/register.js';
import { type Server, startServer } from '../process/server.js';
import { spread } from '../statistics.js';

const [ROUNDS, CALM, ROUND_MS] = [5, 3, 8_000];
const [INSTANCES, SLOW, CALLERS] = [6, 2, 3];
const [MEAN_MS, SLOWER] = [20, 4];
/** Half of what the instances can do in all: 4 x 8 / 20 ms + 2 x 8 / 80 ms is 1,800 a second. */
const PER_SECOND = 900;
/** The bounds of the ratios of the 99th percentile. */
const [OF_P2C, OF_HAPROXY] = [0.5, 0.6];

const WAYS = {
  'power of two choices': { service: 'work', picker: 'p2c' },
  Prequal: { service: 'work', picker: 'prequal' },
  'HAProxy leastconn': { service: 'proxied', picker: 'p2c' },
} as const;
type Way = keyof typeof WAYS;

const ms = (time: number): string => `${time.toFixed(1)} ms`;

const MESH_TOKEN = 'a-token-of-this-benchmark-which-is-no-secret';
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'multilane-mesh-'));
const running: Server[] = [];

async function start(config: string, env: Readonly<Record<string, string>> = {}): Promise<Server> {
  const server = await startServer({
    name: config,
    command: process.execPath,
    args: [file('../../../dist/primary.js'), '--config', file(`./${config}.config.js`)],
    env: {
      ...{ PORT: '0', HOST: '127.0.0.1', ADMIN_PORT: '0', WORKERS: '1', LOG_LEVEL: 'error' },
      ...{ MESH_TOKEN, RATE_LIMIT: 'off', SLOW_CALL_MS: '0', EJECTION_MS: '0', ...env },
    },
  });
  running.push(server);
  return server;
}

const callees: Server[] = [];
try {
  for (let n = 0; n < INSTANCES; n += 1) {
    const slower = n < SLOW ? SLOWER : 1;
    callees.push(await start('callee', { BENCH_MEAN_MS: String(MEAN_MS * slower) }));
  }
  const proxy = await startServer(await haproxy('haproxy', scratch, leastconn));
  running.push(proxy);
  const callers: Server[] = [];
  for (let n = 0; n < CALLERS; n += 1) callers.push(await start('caller'));
  for (const caller of callers) {
    const work = callees.map(({ url }) => ({ service: 'work', id: new URL(url).port, url }));
    await register(caller, [...work, { service: 'proxied', id: 'haproxy', url: proxy.url }]);
  }
  await measure(callers);
} finally {
  for (const one of running.toReversed()) await one.stop();
  rmSync(scratch, { recursive: true });
}

function leastconn(port: number): string {
  return `defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
frontend data
  bind 127.0.0.1:${port}
  default_backend instances
backend instances
  balance leastconn
  http-reuse always
${callees.map(({ url }, n) => `  server s${n} ${new URL(url).host}`).join('\n')}
`;
}

/** The 99th percentile of each way in one round. */
type Round = Readonly<Record<Way, number>>;

async function measure(callers: readonly Server[]): Promise<void> {
  const ways = Object.keys(WAYS) as Way[];
  for (const way of ways) await play(callers, way);
  const rounds: Round[] = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    const entries: [Way, number][] = [];
    for (const way of ways) {
      const { p50, p99, failed } = await play(callers, way);
      entries.push([way, p99]);
      console.log(`round ${n + 1}, ${way}: p50 ${ms(p50)}, p99 ${ms(p99)}, ${failed} failed`);
    }
    rounds.push(Object.fromEntries(entries) as Round);
  }
  report('all rounds', rounds);
  // Something else may disturb a round, whichever way it meets: the same rounds are left out for all ways.
  const total = (one: Round): number => ways.reduce((sum, way) => sum + one[way], 0);
  report(`the ${CALM} calmest rounds`, rounds.toSorted((a, b) => total(a) - total(b)).slice(0, CALM));
}

function report(what: string, rounds: readonly Round[]): void {
  const median = (of: (one: Round) => number): number => spread(rounds.map(of)).median;
  const ratio = (way: Way, most: number): string => {
    const value = median((one) => one.Prequal / one[way]);
    return `${way} ${ms(median((one) => one[way]))} (ratio ${value.toFixed(2)}, at most ${most}${value > most ? ': MISSED' : ''})`;
  };
  console.log(
    `p99, medians of ${what}: Prequal ${ms(median((one) => one.Prequal))}, ` +
      `${ratio('power of two choices', OF_P2C)}, ${ratio('HAProxy leastconn', OF_HAPROXY)}`,
  );
}

async function play(
  callers: readonly Server[],
  way: Way,
): Promise<{ readonly p50: number; readonly p99: number; readonly failed: number }> {
  const body = JSON.stringify({ ...WAYS[way], perSecond: PER_SECOND / CALLERS, ms: ROUND_MS });
  const headers = { 'content-type': 'application/json' };
  const parts = await Promise.all(
    callers.map(async ({ url }) => {
      const response = await fetch(`${url}/drive`, { method: 'POST', headers, body });
      if (!response.ok) throw new Error(`drive: ${response.status} ${await response.text()}`);
      return (await response.json()) as { readonly latencies: readonly number[]; readonly failed: number };
    }),
  );
  const all = parts.flatMap(({ latencies }) => latencies).sort((a, b) => a - b);
  const quantile = (q: number): number => all[Math.ceil(all.length * q) - 1]!;
  return {
    p50: quantile(0.5),
    p99: quantile(0.99),
    failed: parts.reduce((sum, part) => sum + part.failed, 0),
  };
}
