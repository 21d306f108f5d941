import { expect } from 'chai';
import fc from 'fast-check';
import {
  descriptorOf,
  move,
  restartDelay,
  type WorkerEvent,
  type WorkerState,
} from '#src/cluster/worker-state.js';

const event: fc.Arbitrary<WorkerEvent> = fc.oneof(
  fc.constant<WorkerEvent>({ type: 'ready', descriptor: 1 }),
  fc.constant<WorkerEvent>({ type: 'drain' }),
  fc.constant<WorkerEvent>({ type: 'leaving', reason: 'uncaught-exception' }),
  fc.constant<WorkerEvent>({ type: 'detach' }),
  fc.constant<WorkerEvent>({ type: 'exit' }),
);

describe('worker states', () => {
  it('hold a descriptor only while the worker is in rotation, and none ever again afterwards', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        let state: WorkerState = { kind: 'starting' };
        let left = false;
        for (const next of events) {
          const before = state;
          try {
            state = move(state, next);
          } catch {
            expect(state, 'an illegal move changes nothing').to.equal(before);
            continue;
          }
          if (left) expect(descriptorOf(state)).to.equal(undefined);
          if (descriptorOf(before) !== undefined && descriptorOf(state) === undefined) left = true;
          expect(descriptorOf(state) !== undefined).to.equal(['ready', 'failing'].includes(state.kind));
        }
      }),
    );
  });

  it('refuse to come back to life', () => {
    const dead: WorkerState = { kind: 'dead', reason: 'lost' };
    for (const type of ['drain', 'exit'] as const) expect(() => move(dead, { type })).to.throw('not legal');
  });

  it('tell an exit without a word from an ordered one', () => {
    const ready = move({ kind: 'starting' }, { type: 'ready', descriptor: 1 });
    expect(move(ready, { type: 'exit' })).to.deep.equal({ kind: 'dead', reason: 'lost' });
    const leaving = move(ready, { type: 'leaving', reason: 'uncaught-exception' });
    expect(move(leaving, { type: 'exit' })).to.deep.equal({ kind: 'dead', reason: 'uncaught-exception' });
  });

  it('wait from 100 ms doubling up to 5 s between failing starts', () => {
    expect([0, 1, 2, 3, 6, 7, 50].map(restartDelay)).to.deep.equal([0, 100, 200, 400, 3_200, 5_000, 5_000]);
  });
});
