import { expect } from 'chai';
import { defineSaga, defineService } from '#src/index.js';
import { ServiceDatabases } from '#src/primary/service-databases.js';
import { silentLog } from '#test/support/silent-log.js';

describe('the limit of database connections', () => {
  const saga = defineSaga({ name: 'order', version: 1, steps: [{ name: 'one', run: async () => null }] });
  const keeper = defineService({ name: 'keeper', sagas: [saga], routes: () => undefined });

  const warnings = (
    workers: number,
    databasePoolMax: number,
    registry = 'local',
    databaseUrl = 'postgres://one:5432/x',
  ): readonly string[] => {
    const lines: string[] = [];
    const log = { ...silentLog, warn: (_details: object, line: string) => void lines.push(line) };
    const settings = { registry, databaseUrl, serviceDatabaseUrls: {}, workers, databasePoolMax } as never;
    new ServiceDatabases(settings, [keeper], log as never);
    return lines;
  };

  it('is warned of when workers have to take turns at their saga journals', () => {
    const [line] = warnings(16, 2);
    expect(line).to.match(/^DATABASE_POOL_MAX: 2 .* together 17: /);
  });

  it('has a connection for the registry when that is on a server of the databases', () => {
    const limit = (registry: string) => () => warnings(1, 2, registry);
    expect(limit('postgres://another:5432/mesh')).not.to.throw();
    expect(limit('postgres://one/mesh')).to.throw(/2 connections .* and 1 saga journal and the registry/);
    expect(warnings(1, 3, 'postgres://one/mesh')).to.deep.equal([]);
  });

  it('is not warned of when every worker can have a connection to each journal', () => {
    expect(warnings(16, 17)).to.deep.equal([]);
    expect(warnings(1, 2)).to.deep.equal([]);
  });
});
