// Metrics that the primary reads at the moment of a scrape.
import { expect } from 'chai';
import type { WorkerState } from '#src/cluster/worker-life.js';
import type { ThreadView, WorkerStatus } from '#src/cluster/workers.js';
import { AdmissionCells } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { breakerSource, workerSource } from '#src/primary/metric-sources.js';
import type { BreakerControl } from '#src/resilience/breaker-contract.js';
import { gatherFamilies } from '#src/telemetry/metric-families.js';

const INSTANCES = 500;

describe('the workers as metrics', () => {
  it('that are being replaced have the load of the thread in rotation, not of the one that starts', async () => {
    const block = Block.create({ workers: 2 });
    new AdmissionCells(block, 1).publish({ isShedding: true, boundMs: 10, owedMs: 5, holdMs: 0 });
    const thread = (slot: number, state: WorkerState): ThreadView => ({
      ...{ worker: 1, kind: 'http', generation: slot, slot, threadId: slot, state },
      ...{ startedAt: new Date(0), serving: new Set() },
    });
    const old = thread(1, { kind: 'ready', descriptor: { slot: 1, app: undefined } });
    const threads = [old, thread(2, { kind: 'starting' })] as never;
    const families = await gatherFamilies([workerSource({ threads, workers: [old], statuses: [] }, block)]);
    const shown = families.filter(({ name }) => /_(?:shedding|backlog_ratio)$/.test(name));
    expect(Object.fromEntries(shown.map(({ name, series }) => [name, series[0]!.value]))).to.deep.equal({
      multilane_worker_backlog_ratio: 0.5,
      multilane_worker_shedding: 1,
    });
  });

  it('are shown by kind, serving or not, whatever states their threads are in', async () => {
    const statuses: readonly WorkerStatus[] = [
      { worker: 1, kind: 'http', isServing: true },
      { worker: 2, kind: 'http', isServing: false },
      { worker: 3, kind: 'grpc', isServing: true },
    ];
    const source = workerSource({ threads: [], workers: [], statuses }, Block.create({ workers: 1 }));
    const families = await gatherFamilies([source]);
    const { series } = families.find(({ name }) => name === 'multilane_worker_serving')!;
    expect(series.map(({ labels, value }) => ({ ...labels, value }))).to.deep.equal([
      { worker: '1', kind: 'http', value: 1 },
      { worker: '2', kind: 'http', value: 0 },
      { worker: '3', kind: 'grpc', value: 1 },
    ]);
  });
});

describe('the states of breakers as metrics', () => {
  it('are read while they are added up, so that many instances do not take one turn', async () => {
    const guarded = {
      services: () => ({ orders: INSTANCES }),
      instances: () => Array.from({ length: INSTANCES }, (_, slot) => ({ id: `orders-${slot}`, slot })),
    };
    let read = 0;
    const board = {
      state(slot: number) {
        read++;
        return { state: slot === 3 ? 'forced-open' : 'closed' };
      },
      totalTransitions: () => ({ open: 1, halfOpen: 2, closed: 3 }),
    } as unknown as BreakerControl;
    const source = breakerSource(guarded, board);
    await source();
    expect(read).to.equal(0);
    const families = await gatherFamilies([source]);
    expect(read).to.equal(INSTANCES);
    const states = families.find(({ name }) => name === 'multilane_breaker_state')!.series;
    expect(states).to.have.length(3 * INSTANCES);
    const shown = states.filter(({ value }) => value === 1).map(({ labels }) => labels);
    expect(shown).to.have.length(INSTANCES);
    expect(shown).to.deep.include({ service: 'orders', endpoint: 'orders-3', state: 'open' });
    const [transitions] = families.find(({ name }) => name === 'multilane_breaker_transitions_total')!.series;
    expect(transitions!.value).to.equal(6);
  });
});
