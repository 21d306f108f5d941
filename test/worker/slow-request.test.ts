// The log of slow requests, end to end: what a handler waits for is in the phase of that name. Every wait
// here has a least duration, so a busy machine makes none of them too short.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { defineService } from '#src/index.js';
import { createTestApp, type TestApp } from '#src/testing.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { deferred } from '../db/fixtures/deferred.js';

const WAIT_MS = 300;
/** Timers of the database and of this thread may differ by so much. */
const SLACK_MS = 20;
/** More than a test app has. */
const CONNECTIONS = 20;
const KEY = { route: 'POST /once', key: 'k', scope: 's' };

const waiting = defineService({
  name: 'waiting',
  migrations: new URL('../testing/fixtures/ledger/', import.meta.url),
  tasks: new URL('../system/fixtures/cpu-pool-tasks.js', import.meta.url),
  routes(app, { cpu, db }) {
    app.get('/statement', async () => db.one('select pg_sleep($1)::text', [WAIT_MS / 1000]));
    app.get('/transaction', async () => db.transaction(async (tx) => tx.one('select 1 as one')));
    app.get('/idempotent', async () =>
      db.idempotent({ ...KEY, target: '/once' }, async () => ({ status: 200, body: 1 })),
    );
    app.get('/compensate', async () => {
      await db.compensate({ ...KEY, key: 'undone' }, async () => undefined);
      return 'done';
    });
    app.get('/task', async () => cpu.run('burn', WAIT_MS));
  },
});

describe('the phases of a slow request', () => {
  let app: TestApp;
  before(async () => {
    const { url: databaseUrl } = await startTestPostgres();
    app = await createTestApp({ services: [waiting], databaseUrl, settings: { slowRequestMs: WAIT_MS / 2 } });
  });
  after(() => app.close());

  async function phasesOf(path: string): Promise<Readonly<Record<string, number>>> {
    const { status } = await app.inject(path);
    expect(status, path).to.equal(200);
    const line = app.logs.find(({ msg, route }) => msg === 'slow request' && route === path);
    expect(line, `the line of ${path}`).to.not.equal(undefined);
    return line!.phases as Readonly<Record<string, number>>;
  }

  it('are those of the database for a statement, and of the CPU pool for a task', async () => {
    expect((await phasesOf('/statement')).dbMs).to.be.at.least(WAIT_MS - SLACK_MS);
    expect((await phasesOf('/task')).cpuMs).to.be.at.least(WAIT_MS - SLACK_MS);
  });

  it('are those of the database while a transaction waits for a connection', async () => {
    for (const path of ['/transaction', '/idempotent', '/compensate']) {
      const end = deferred();
      let held = 0;
      const all = Array.from({ length: CONNECTIONS }, () =>
        app.database('waiting').transaction(async () => {
          held += 1;
          await end.promise;
        }),
      );
      while (held === 0) await sleep(1);
      const phases = phasesOf(path);
      await sleep(WAIT_MS);
      end.resolve();
      expect((await phases).dbMs, path).to.be.at.least(WAIT_MS - SLACK_MS);
      await Promise.all(all);
    }
  });
});
