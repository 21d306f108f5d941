import { expect } from 'chai';
import type { Logger } from 'pino';
import type { Settings } from '#src/config.js';
import { MountedService, type Surroundings } from '#src/hosting/mounting.js';
import { defineService, type ServiceDeps } from '#src/index.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';
import { SeriesTable } from '#src/memory/series.js';
import { SeriesMemory } from '#src/memory/series-memory.js';
import { createLogger } from '#src/telemetry/log.js';
import { initTracing } from '#src/telemetry/tracing.js';

const NOWHERE = 'postgres://nobody@127.0.0.1:1/nothing';

describe('the logger of a service', () => {
  it('is not the one that the runtime uses for the service', async () => {
    let written = (_line: string): void => {};
    const line = new Promise<Record<string, unknown>>((resolve) => {
      written = (text) => resolve(JSON.parse(text) as Record<string, unknown>);
    });
    const sink = { write: (text: string) => written(text), flush() {} };
    const { deps, service } = mounted(createLogger({ logLevel: 'info', logFormat: 'json' }, {}, sink));
    deps.log.setBindings({ userId: 'alice' });
    Object.assign(deps.log, { level: 'silent', warn: undefined, error: undefined });
    await service.arrive({ url: NOWHERE, exclusive: false });
    const querying = deps.db.query('select 1').catch(() => undefined); // it is not reached
    try {
      const { userId, ...fields } = await line;
      expect(fields).to.include({ service: 'ledger', msg: 'the database cannot be reached; trying again' });
      expect(userId).to.equal(undefined);
    } finally {
      await service.close();
      await querying;
    }
  });
});

function mounted(log: Logger): { readonly deps: ServiceDeps; readonly service: MountedService } {
  const block = Block.create({ workers: 1 });
  DatabaseBudget.configure(block, 1);
  const settings = {
    databaseStatementTimeoutMs: 1_000,
    databasePrepare: 'auto',
    otel: { disabled: true },
  } as unknown as Settings;
  const unused = {} as never;
  let deps: ServiceDeps | undefined;
  const surroundings: Surroundings = {
    thread: {
      settings,
      worker: 2,
      slot: 1,
      generation: 1,
      instanceId: 'test',
    },
    block,
    clock: sharedClock(block),
    recorder: new SeriesTable(new SeriesMemory().of(1)),
    own: new SeriesTable(new SeriesMemory().of(1)),
    tracing: initTracing(settings, { worker: 2, instanceId: 'test' }, log),
    log,
    call: unused,
    cpu: { tasks: () => unused },
    shared: () => unused,
    openSagasSince: async () => undefined,
    outfit: (_service, given) => {
      deps = given;
      return given;
    },
  };
  const migrations = new URL('./migrations/', import.meta.url);
  const service = new MountedService(
    defineService({ name: 'ledger', migrations, routes() {} }),
    surroundings,
    0,
  );
  return { deps: deps!, service };
}
