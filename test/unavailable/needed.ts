// Causes of a 503 on the data plane after the handler has started: something that it needs is unavailable.
import { MessageChannel } from 'node:worker_threads';
import { pino } from 'pino';
import { CpuClient } from '#src/cpu/cpu-client.js';
import { ThreadRefusedError } from '#src/cpu/run-failures.js';
import { packFailure, unpackFailure } from '#src/cpu/task-failure.js';
import { TaskPool } from '#src/cpu/task-pool.js';
import { UnavailableError } from '#src/errors.js';
import { type Call, defineService, type Shared } from '#src/index.js';
import { NO_SHARE } from '#src/memory/rate/cluster-rates.js';
import { RateLimit } from '#src/resilience/rate-limit.js';
import { WorkerSagas } from '#src/saga/worker-sagas.js';
import { inject } from '#src/server/inject.js';
import { openFound } from '#src/server/response/file-path.js';
import { refuseFlaky } from '#src/services/payments/rules.js';
import type { Tracing } from '#src/telemetry/span.js';
import { createTestApp } from '#src/testing.js';
import { ResponseMemoryError } from '#src/upstream/held-bytes.js';
import { NoPortError } from '#src/upstream/transport-errors.js';
import { Pending, pendingDatabase } from '#src/worker/pending-dependencies.js';
import { closeOpened, migratedDatabase, open } from '#test/db/fixtures/open.js';
import { withDeadline } from '#test/db/fixtures/scope.js';
import { bench } from '#test/server/kit.js';
import { localBudget } from '#test/support/local-budget.js';
import { withoutFiles } from '#test/support/open-files.js';
import { byHandler, type Reached, responseOf, type Way } from './way.js';

const FIXTURE = new URL('../cpu/task-fixture.js', import.meta.url);
const ENTRY = new URL('../../../dist/workers/task.js', import.meta.url);

/** The last response of a service after this number of requests. */
async function byService(
  handler: (deps: { call: Call; shared: Shared }) => unknown,
  requests = 1,
): Promise<Reached[]> {
  const service = defineService({
    name: 'demo',
    routes(app, { call, shared }) {
      shared.breaker('mail', { minimumCalls: 1 });
      shared.bulkhead('files', { limit: 1 });
      app.get('/', () => handler({ call, shared }));
      app.get('/fails', () => {
        throw new Error('down');
      });
      app.get('/full', () => {
        throw new UnavailableError('CPU_QUEUE_FULL', 'Later.');
      });
    },
  });
  const app = await createTestApp({ services: [service], settings: { logLevel: 'silent' } });
  try {
    for (let n = 1; n < requests; n++) await app.inject('/');
    const last = await app.inject('/');
    return [responseOf(last, last.bytes())];
  } finally {
    await app.close();
  }
}

const context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined };
const begin = () => ({ setAttribute() {}, end() {}, recording: false, context });
const tracing = { enabled: false, begin } as unknown as Tracing;

/** A CPU pool of one thread without a queue, and the client of one worker for it. */
async function byPool(
  use: (cpu: CpuClient, pool: TaskPool) => Promise<Reached[]>,
  threads = 1,
): Promise<Reached[]> {
  const pool = new TaskPool({
    threads,
    entry: ENTRY,
    log: pino({ level: 'silent' }),
    graceMs: 0,
    maxQueue: 0,
  });
  const { port1, port2 } = new MessageChannel();
  pool.attach(port1);
  const client = new CpuClient(port2, { tracing, timeoutMs: 60_000, log: pino({ level: 'silent' }) });
  try {
    return await use(client, pool);
  } finally {
    client.close();
    await pool.close({ withinMs: 0 });
  }
}

async function* endless(): AsyncGenerator<string> {
  for (;;) yield 'x';
}

export const needed: readonly Way[] = [
  {
    title: 'a limiter without a share of a limit over several processes',
    sites: ['src/resilience/rate-limit.ts STARTING'],
    code: 'STARTING',
    executed: true,
    reach() {
      const cells = { take: () => NO_SHARE, peek: () => NO_SHARE };
      const limit = new RateLimit('shared', { count: 1, periodMs: 1_000, burst: 1 }, cells);
      return byHandler(() => limit.takeWithResult('key'));
    },
  },
  {
    title: 'a stream beyond the limit',
    sites: ['src/server/response-quotas.ts OVERLOADED x2'],
    code: 'OVERLOADED',
    executed: true,
    async reach() {
      const { app } = bench((routes) => routes.get('/', (ctx) => ctx.stream(endless())), {
        quotas: { streams: [0, 0] },
      });
      const { status, headers, body } = await inject(app, { url: '/' });
      return [responseOf({ status, headers }, body)];
    },
  },
  {
    title: 'a large response beyond the limit of memory',
    sites: ['src/server/response-quotas.ts OVERLOADED x2'],
    code: 'OVERLOADED',
    executed: true,
    async reach() {
      const { app } = bench((routes) => routes.get('/', () => 'x'.repeat(100_000)), {
        quotas: { bodyBytes: [0, 100] },
      });
      const { status, headers, body } = await inject(app, { url: '/' });
      return [responseOf({ status, headers }, body)];
    },
  },
  {
    title: 'a call to a service without instances',
    sites: ['src/upstream/endpoint-admission.ts NO_INSTANCE'],
    code: 'NO_INSTANCE',
    executed: true,
    reach: () => byService(({ call }) => call('absent').get('/')),
  },
  {
    title: 'a fallback that throws the failure for which it was called',
    sites: ['src/upstream/fallback-response.ts ?'],
    code: 'CPU_QUEUE_FULL',
    executed: true,
    reach: () =>
      byService(({ call }) =>
        call('demo').get('/full', {
          fallback(error) {
            throw error;
          },
        }),
      ),
  },
  {
    title: 'a call whose breaker is open',
    sites: ['src/resilience/breaker-contract.ts BREAKER_OPEN'],
    code: 'BREAKER_OPEN',
    executed: true,
    reach: () => byService(({ call }) => call('demo').get('/fails'), 30),
  },
  {
    title: 'an open named breaker',
    sites: ['src/resilience/breaker-contract.ts BREAKER_OPEN'],
    code: 'BREAKER_OPEN',
    executed: true,
    reach: () =>
      byService(({ shared }) => shared.breaker('mail', { minimumCalls: 1 }).run(() => Promise.reject()), 2),
  },
  {
    title: 'a full named bulkhead',
    sites: ['src/resilience/bulkhead-queue.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach: () =>
      byService(({ shared }) => {
        const files = shared.bulkhead('files', { limit: 1 });
        return files.run(() => files.run(() => 'twice'));
      }),
  },
  {
    title: 'more concurrent calls than maxConcurrent',
    sites: ['src/upstream/max-concurrent.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach: () =>
      byService(({ call }) => {
        const one = () => call('demo').get('/fails', { maxConcurrent: 1 });
        return Promise.all([one(), one()]);
      }),
  },
  {
    title: 'a CPU pool whose queue is full',
    sites: ['src/cpu/task-pool.ts CPU_QUEUE_FULL'],
    code: 'CPU_QUEUE_FULL',
    executed: true,
    reach: () =>
      byPool(async (client) => {
        const cpu = client.tasks('demo', FIXTURE);
        const one = cpu.run('untilTold', 'the queue is full').catch(() => undefined);
        const responses = await byHandler(() => cpu.run('echo', 1));
        client.close();
        await one;
        return responses;
      }),
  },
  {
    title: 'a CPU pool that is closing',
    sites: ['src/cpu/task-pool.ts DRAINING'],
    code: 'DRAINING',
    executed: true,
    reach: () =>
      byPool(async (client, pool) => {
        const cpu = client.tasks('demo', FIXTURE);
        const one = cpu.run('untilTold', 'the pool closes').catch(() => undefined);
        await cpu.run('echo', 1);
        const closed = pool.close({ withinMs: 60_000 });
        const responses = await byHandler(() => cpu.run('echo', 1));
        client.close();
        await Promise.all([one, closed]);
        return responses;
      }, 2),
  },
  {
    title: 'a CPU pool that has closed, before or during the task',
    sites: ['src/cpu/cpu-client.ts DRAINING x2'],
    code: 'DRAINING',
    executed: true,
    reach: () =>
      byPool(async (client) => {
        const cpu = client.tasks('demo', FIXTURE);
        const during = await byHandler(() => {
          const running = cpu.run('untilTold', 'never');
          client.close();
          return running;
        });
        return [...during, ...(await byHandler(() => cpu.run('echo', 1)))];
      }),
  },
  {
    title: 'a CPU task that no thread begins',
    sites: ['src/cpu/run-failures.ts OVERLOADED x2'],
    code: 'OVERLOADED',
    executed: true,
    async reach() {
      const busy = await byPool(async (client) => {
        const cpu = client.tasks('demo', FIXTURE);
        await cpu.run('leaveEndless', null);
        // What it has left begins a millisecond later.
        await new Promise((resolve) => void setTimeout(resolve, 50));
        const failure: unknown = await cpu.run('echo', 1).catch((error: unknown) => error);
        return byHandler(() => {
          throw failure;
        });
      });
      const refused = await byHandler(() => {
        throw new ThreadRefusedError(new Error('EAGAIN'));
      });
      return [...busy, ...refused];
    },
  },
  {
    title: 'a failure of a CPU task',
    sites: ['src/cpu/task-failure.ts ? x2'],
    code: 'OVERLOADED',
    executed: true,
    reach: () =>
      byHandler(() => {
        const packed = packFailure(new UnavailableError('OVERLOADED', 'Later.'), 'echo');
        throw unpackFailure(packed.data);
      }),
  },
  {
    title: 'a file for which the process has no descriptor',
    sites: ['src/open-files.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    async reach() {
      const opened = (): Promise<unknown> => openFound(import.meta.filename);
      const failure = await withoutFiles(() => opened().catch((error: unknown) => error));
      return byHandler(() => {
        throw failure;
      });
    },
  },
  {
    title: 'a connection that this machine does not make',
    sites: ['src/upstream/transport-errors.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach: () =>
      byHandler(() => {
        throw new NoPortError({ service: 'orders', id: 'a' }, new Error('EADDRNOTAVAIL'));
      }),
  },
  {
    title: 'the response of a call that needs too much memory',
    sites: ['src/upstream/held-bytes.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach: () =>
      byHandler(() => {
        throw new ResponseMemoryError({ service: 'orders', id: 'a' });
      }),
  },
  {
    title: 'a database whose server cannot be reached',
    sites: ['src/db/database-errors.ts DATABASE_BUSY'],
    code: 'DATABASE_BUSY',
    executed: true,
    async reach() {
      const db = open('postgres://nouser@127.0.0.1:1/none');
      try {
        return await byHandler(() => withDeadline(100, () => db.query('select 1')));
      } finally {
        await closeOpened();
      }
    },
  },
  {
    title: 'a database without a free connection',
    sites: ['src/db/database-errors.ts DATABASE_BUSY'],
    code: 'DATABASE_BUSY',
    executed: true,
    async reach() {
      const db = open(await migratedDatabase(), { budget: localBudget(0) });
      try {
        return await byHandler(() => withDeadline(100, () => db.query('select 1')));
      } finally {
        await closeOpened();
      }
    },
  },
  {
    title: 'a database that is not ready yet',
    sites: ['src/worker/pending-dependencies.ts STARTING'],
    code: 'STARTING',
    executed: true,
    reach: () =>
      byHandler(() => pendingDatabase(new Pending('The database of service demo')).query('select 1')),
  },
  {
    title: 'sagas of a stopping worker',
    sites: ['src/saga/worker-sagas.ts DRAINING'],
    code: 'DRAINING',
    executed: true,
    reach() {
      const sagas = new WorkerSagas({} as never);
      sagas.close();
      return byHandler(() => sagas.start('any', {}));
    },
  },
  {
    title: 'a payment provider that is overloaded',
    sites: ['src/services/payments/rules.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach: () => byHandler(() => refuseFlaky(1)),
  },
];
