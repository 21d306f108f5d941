// A storm of broken requests to the real process: a short one in `npm test`, a long one outside of it.
// The titles show the seed; SEED=… sends the same requests again.

import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { collectGarbage, residentMb } from '#test/support/resident-memory.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { EVERYTHING } from '../fixtures/paths.js';
import { kindOf, SEEDS } from './seeds.js';
import { openConnections, type Storm, storm } from './storm.js';

const WORKERS = 2;
/** MiB that the process may have grown by in the end, also after the many requests of the long form. */
const MEMORY_MB = 64;
/** The core's idle time-out, counted in steps of 4 s; and what a busy machine adds. */
const IDLE_CUT_MS = 12_000 + 8000;

/**
 * Statuses of different parts of the server: handshakes, bodies, framing, routes, sizes, schemas, deadlines.
 */
const EXPECTED = [101, 200, 201, 204, 400, 404, 414, 422, 504];
const KINDS = new Set(SEEDS.map(kindOf)).size;

interface WorkerView {
  readonly id: number;
  readonly generation: number;
}

export interface Fuzzing {
  readonly count: number;
  readonly warmUp: number;
  readonly budgetMs: number;
  /**
   * Whether to wait for the end of the connections that are left; abuse.test.ts does so for 1,000 requests.
   */
  readonly drains: boolean;
}

export function describeFuzzing({ count, warmUp, budgetMs, drains }: Fuzzing): void {
  const seed = newSeed();
  describe(`${count} broken requests (SEED=${seed})`, () => {
    const cluster = useCluster({
      config: EVERYTHING,
      env: { WORKERS: String(WORKERS), TRUSTED_PROXIES: '127.0.0.0/8', LOG_LEVEL: 'error' },
    });

    const workers = async (): Promise<WorkerView[]> => {
      const views = (await (await fetch(`${cluster.adminUrl}/workers`)).json()) as WorkerView[];
      return views.map(({ id, generation }) => ({ id, generation }));
    };
    /** Requests that led to a 500, whether or not their clients were still connected. */
    const failed = async (): Promise<string[]> => {
      const metrics = await (await fetch(`${cluster.adminUrl}/metrics`)).text();
      return metrics
        .split('\n')
        .filter(
          (line) => /^http_server_request_duration_seconds_count\{.*"500"/.test(line) && !/ 0$/.test(line),
        );
    };

    it('end neither the process nor a thread, never get a 500, and leave no memory allocated', async function () {
      this.timeout(budgetMs);
      // Memory that the first requests of every kind need is no leak.
      const first = await storm(cluster.url, seed + 1, warmUp);
      await collectGarbage(cluster.url, WORKERS);
      const before = { mb: residentMb(cluster.pid), workers: await workers() };
      const main = await storm(cluster.url, seed, count);
      const peak = residentMb(cluster.pid);
      const open = await openConnections(cluster.adminUrl);
      const settle = async (): Promise<number> => {
        await collectGarbage(cluster.url, WORKERS);
        return residentMb(cluster.pid);
      };
      const left = drains
        ? await until(
            () => openConnections(cluster.adminUrl),
            (now) => now === 0,
            IDLE_CUT_MS,
          )
        : 0;
      const settled = await until(settle, (mb) => mb <= before.mb + MEMORY_MB);
      console.log(
        `${table(main)}\n      ${main.reached} of ${main.answered} responses are ours, the others the core's; MiB: ` +
          `${before.mb.toFixed(0)} before, ${peak.toFixed(0)} at the end, ${settled.toFixed(0)} settled; ` +
          `connections: ${open} at the end${drains ? `, ${left} ${IDLE_CUT_MS / 1000} s later at most` : ''}`,
      );
      expect([...first.failures, ...main.failures].slice(0, 5), 'answered 500').to.deep.equal([]);
      expect(await failed(), 'counted as 500').to.deep.equal([]);
      expect(await workers(), 'threads').to.deep.equal(before.workers);
      expect(settled).to.be.at.most(before.mb + MEMORY_MB);
      expect(left, 'connections left').to.equal(0);
      // A storm whose requests never pass the parser would prove nothing.
      for (const status of EXPECTED) expect(main.statuses.has(status), `${status}`).to.equal(true);
      expect(main.reached / main.answered, 'share of the responses that are ours').to.be.greaterThan(0.7);
    });
  });
}

/** The coverage of a storm: responses, and how many of the good requests were broken to get them. */
function table({ statuses }: Storm): string {
  const rows = [...statuses].sort(([a], [b]) => a - b);
  return rows
    .map(([status, { count, kinds }]) => {
      const most = [...kinds].slice(0, 3).join(', ');
      return `      ${String(status || 'none').padEnd(5)}${String(count).padStart(6)}  ${kinds.size} of ${KINDS}: ${most}`;
    })
    .join('\n');
}
