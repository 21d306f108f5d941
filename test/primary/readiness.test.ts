// When the process is ready: for the first time, and from then on (`/readyz`; see docs/contract.md).
import { expect } from 'chai';
import type { Descriptor } from '#src/cluster/sharding.js';
import type { WorkerState } from '#src/cluster/worker-life.js';
import type { ThreadView } from '#src/cluster/workers.js';
import type { Switches } from '#src/memory/switches.js';
import { Readiness, type ReadinessFacts, unreadyCode, unreadyReasons } from '#src/primary/readiness.js';

const DESCRIPTOR: Descriptor = { slot: 1, app: undefined };
const SERVING: readonly WorkerState[] = [
  { kind: 'ready', descriptor: DESCRIPTOR },
  { kind: 'failing', descriptor: DESCRIPTOR, reason: 'uncaught-exception' },
];
const ELSEWHERE: readonly WorkerState[] = [
  { kind: 'starting' },
  { kind: 'draining', reason: 'uncaught-exception' },
  { kind: 'leaving', reason: 'uncaught-exception' },
  { kind: 'stalled', before: { kind: 'ready', descriptor: DESCRIPTOR } },
  { kind: 'wedged', before: { kind: 'leaving', reason: 'uncaught-exception' } },
  { kind: 'dead', reason: 'lost' },
];

/** @param of the number of all workers */
const workers = (serving: number, of: number): readonly WorkerState[] =>
  Array.from({ length: of }, (_, i) =>
    i < serving ? SERVING[i % SERVING.length]! : ELSEWHERE[i % ELSEWHERE.length]!,
  );

const READY: ReadinessFacts = {
  readyOnce: true,
  draining: false,
  workers: workers(1, 1),
  unresponsiveDatabases: [],
  startingServices: [],
};
const reasons = (facts: Partial<ReadinessFacts>): string[] => unreadyReasons({ ...READY, ...facts });

describe('readiness', () => {
  it('is reached when all workers serve', () => {
    for (let of = 1; of <= 9; of += 1) {
      for (let serving = 0; serving <= of; serving += 1) {
        const missing = serving === of ? [] : [`${serving} of ${of} workers serve`];
        expect(reasons({ readyOnce: false, workers: workers(serving, of) })).to.deep.equal(missing);
      }
    }
  });

  it('lasts, once reached, as long as at least half of the workers serve', () => {
    for (let of = 1; of <= 9; of += 1) {
      for (let serving = 0; serving <= of; serving += 1) {
        const missing = serving >= of / 2 ? [] : [`${serving} of ${of} workers serve`];
        expect(reasons({ workers: workers(serving, of) })).to.deep.equal(missing);
      }
    }
  });

  it('requires half of the workers of each kind', () => {
    const grpcWorkers = workers(0, 1);
    expect(reasons({ workers: workers(3, 3), grpcWorkers })).to.deep.equal(['0 of 1 gRPC workers serve']);
    expect(reasons({ workers: workers(0, 1), grpcWorkers: workers(3, 3) })).to.deep.equal([
      '0 of 1 workers serve',
    ]);
    const half = { workers: workers(1, 2), grpcWorkers: workers(1, 2) };
    expect(reasons(half)).to.deep.equal([]);
    expect(reasons({ ...half, readyOnce: false })).to.have.length(2);
  });

  it('counts gRPC workers only while they listen', () => {
    const silent = new Set<number>();
    const [ready] = SERVING;
    const lanes = [
      { worker: 1, kind: 'http', state: ready },
      { worker: 2, kind: 'grpc', state: ready },
    ] as unknown as readonly ThreadView[];
    const readiness = new Readiness({
      switches: { draining: false, ready: false } as Switches,
      workers: { workers: lanes },
      databases: { unresponsive: [], startingServices: [] },
      ports: [{ isSilent: (worker) => silent.has(worker) }],
      every: () => () => {},
    });
    readiness.reached();
    expect(readiness.verdict().ready).to.equal(true);
    silent.add(2);
    const reasons = ['0 of 1 gRPC workers serve'];
    expect(readiness.verdict()).to.deep.equal({ ready: false, reasons, code: 'NO_WORKER' });
    silent.delete(2);
    expect(readiness.verdict().ready).to.equal(true);
  });

  it('tells why limits over several processes wait, and does not wait for them', () => {
    let waiting: string | undefined = 'no share yet';
    const readiness = new Readiness({
      switches: { draining: false, ready: false } as Switches,
      workers: { workers: [] },
      databases: { unresponsive: [], startingServices: [] },
      ports: [],
      limitShares: {
        get waiting() {
          return waiting;
        },
      },
      every: () => () => {},
    });
    readiness.reached();
    expect(readiness.verdict()).to.include({ ready: true }).and.to.have.deep.property('reasons', [waiting]);
    waiting = undefined;
    expect(readiness.verdict()).to.include({ ready: true }).and.to.have.deep.property('reasons', []);
  });

  it('has a reason for everything that is missing', () => {
    expect(
      reasons({
        draining: true,
        workers: workers(0, 1),
        unresponsiveDatabases: ['db:5432'],
        startingServices: ['orders'],
      }),
    ).to.deep.equal([
      'draining',
      '0 of 1 workers serve',
      'the database of orders is not migrated yet',
      'the database server db:5432 does not respond',
    ]);
  });

  it('has, once lost, the code of what is missing', () => {
    const unresponsiveDatabases = ['db:5432'];
    expect(unreadyCode({ ...READY, draining: true, unresponsiveDatabases })).to.equal('DRAINING');
    expect(unreadyCode({ ...READY, readyOnce: false, unresponsiveDatabases })).to.equal('STARTING');
    expect(unreadyCode({ ...READY, unresponsiveDatabases })).to.equal('DATABASE_BUSY');
    expect(unreadyCode({ ...READY, workers: workers(0, 1) })).to.equal('NO_WORKER');
  });
});
