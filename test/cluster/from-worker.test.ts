import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import { readFromWorker } from '#src/cluster/from-worker.js';
import type { FromWorker } from '#src/cluster/messages.js';
import { Supervisor } from '#src/cluster/supervisor.js';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { TaskPool } from '#src/cpu/task-pool.js';
import { Block } from '#src/memory/block.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { switchableRoutesIn } from '#src/server/kill-switch.js';
import { settings } from '#test/config/loading.js';
import { oneGroup } from './one-group.js';

describe('a message of a worker thread', () => {
  const messages: readonly FromWorker[] = [
    { type: 'unbound' },
    { type: 'ready', descriptor: { slot: 1, app: 6.4e-316 }, routes: [] },
    { type: 'ready', descriptor: { slot: 1, app: undefined }, routes: undefined },
    { type: 'serving', service: 'orders' },
    { type: 'leaving', reason: 'drained', detail: undefined },
    { type: 'leaving', reason: 'uncaught-exception', detail: 'Error: no' },
    { type: 'failed', detail: 'Error: no' },
    { type: 'fatal', detail: 'Error: no' },
    { type: 'refused', message: 'no service', exitCode: 78 },
  ];

  it('is read as it was sent when it has the form of the protocol', () => {
    for (const message of messages) expect(readFromWorker(message)).to.deep.equal(message);
  });

  it('is invalid, and does not throw, when a member is missing or has another type', () => {
    fc.assert(
      fc.property(fc.constantFrom(...messages), fc.anything(), fc.nat(), (message, value, at) => {
        expect(readFromWorker(value)).to.equal(undefined);
        const members = Object.keys(message);
        const changed = { ...message, [members[at % members.length]!]: value };
        const read = readFromWorker(changed);
        if (read !== undefined) expect(read.type).to.equal(message.type);
      }),
    );
  });

  it('is shortened where a text is longer than a log line', () => {
    const read = readFromWorker({ type: 'failed', detail: 'x'.repeat(1_000_000) });
    expect(read).to.deep.include({ type: 'failed', detail: 'x'.repeat(16_384) });
  });

  it('lists only routes that have the form of a route', () => {
    const route = { service: 'orders', method: 'GET', path: '/a/:b', template: '/a/{b}' };
    expect(switchableRoutesIn([null, 1, {}, { ...route, path: 1 }, { ...route, more: 1 }])).to.deep.equal([
      route,
    ]);
    for (const routes of [undefined, null, 'text', { length: 1 }, 5]) {
      expect(switchableRoutesIn(routes)).to.deep.equal([]);
    }
  });

  it('does not disturb the primary, whatever its content and whenever it arrives', async () => {
    const log = pino({ level: 'silent' });
    const failures: string[] = [];
    const reported: unknown[] = [];
    const unexpected: string[] = [];
    log.error = ((fields: { detail?: string; err?: Error } | string) => {
      if (typeof fields === 'object') failures.push(fields.detail ?? String(fields.err?.message));
    }) as typeof log.error;
    const cpu = new TaskPool({ threads: 1, entry: new URL('none.js', import.meta.url), log });
    const supervisor = new Supervisor({
      group: oneGroup(new URL('./babbling-thread.js', import.meta.url), 1, { workerPort: 1 }),
      settings: await settings({ argv: ['--workers', '1', '--unhandled-rejection', 'log'] }),
      block: Block.create({ workers: rowsFor(1) }),
      series: new SeriesMemory(),
      instanceId: 'test',
      log,
      attachCpu: (port) => cpu.attach(port),
      reclaim() {},
      logFlightRecord() {},
      restarted: (reason) => unexpected.push(reason),
      routesReported: (routes) => reported.push(routes),
      fatal: (message) => unexpected.push(message),
      exhausted: (message) => unexpected.push(message),
    });
    supervisor.start();
    await supervisor.until(() => failures.includes('the last word'));
    expect(reported).to.have.length(1);
    expect([...supervisor.threads[0]!.serving]).to.deep.equal([]);
    await supervisor.stop(0);
    await cpu.close({ withinMs: 0 });
    expect(unexpected).to.deep.equal([]);
    expect(failures).to.deep.equal([
      'the thread posted a message that is not of the protocol; such messages are ignored',
      'the last word',
    ]);
  });
});
