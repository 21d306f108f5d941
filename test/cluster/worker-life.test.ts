import { expect } from 'chai';
import fc from 'fast-check';
import { descriptorOf, move, shownAs, type WorkerEvent, type WorkerState } from '#src/cluster/worker-life.js';

const event: fc.Arbitrary<WorkerEvent> = fc.oneof(
  fc.constant<WorkerEvent>({ type: 'ready', descriptor: { slot: 1, app: 1 } }),
  fc.constant<WorkerEvent>({ type: 'drain' }),
  fc.constant<WorkerEvent>({ type: 'leaving', reason: 'uncaught-exception' }),
  fc.constant<WorkerEvent>({ type: 'detach' }),
  fc.constant<WorkerEvent>({ type: 'stall' }),
  fc.constant<WorkerEvent>({ type: 'resume' }),
  fc.constant<WorkerEvent>({ type: 'wedge' }),
  fc.constant<WorkerEvent>({ type: 'exit' }),
);

const orSame = (state: WorkerState, next: WorkerEvent): WorkerState => {
  try {
    return move(state, next);
  } catch {
    return state;
  }
};

describe('worker states', () => {
  /** The states that a sequence of events leads through; illegal events change nothing. */
  const walk = (events: readonly WorkerEvent[]): WorkerState[] => {
    const states: WorkerState[] = [{ kind: 'starting' }];
    for (const next of events) {
      const before = states.at(-1)!;
      try {
        states.push(move(before, next));
      } catch (error) {
        expect((error as Error).message).to.contain(`"${next.type}" is not legal while ${before.kind}`);
      }
    }
    return states;
  };
  const anyWalk = fc.array(event, { maxLength: 16 });

  it('hold a descriptor only in rotation, and never again after an order to leave', () => {
    fc.assert(
      fc.property(anyWalk, (events) => {
        let hasLeft = false;
        for (const state of walk(events)) {
          expect(descriptorOf(state) !== undefined).to.equal(['ready', 'failing'].includes(state.kind));
          if (hasLeft) expect(descriptorOf(state)).to.equal(undefined);
          hasLeft ||= ['draining', 'leaving', 'wedged', 'dead'].includes(state.kind);
        }
      }),
    );
  });

  it('keep during a stall what was decided before and meanwhile', () => {
    fc.assert(
      fc.property(anyWalk, fc.array(event, { maxLength: 4 }), (events, meanwhile) => {
        const before = walk(events).at(-1)!;
        fc.pre(['ready', 'failing', 'draining', 'leaving'].includes(before.kind));
        const decided = meanwhile.filter(({ type }) => ['drain', 'detach', 'leaving'].includes(type));
        const turning = decided.reduce(orSame, before);
        const stalled = decided.reduce(orSame, move(before, { type: 'stall' }));
        expect(move(stalled, { type: 'resume' })).to.deep.equal(turning);
      }),
    );
  });

  it('are wedged only after an order to leave, and then end', () => {
    const stalled = move({ kind: 'ready', descriptor: { slot: 1, app: 1 } }, { type: 'stall' });
    expect(() => move(stalled, { type: 'wedge' })).to.throw('not legal');
    const wedged = move(move(stalled, { type: 'drain' }), { type: 'wedge' });
    expect(wedged.kind).to.equal('wedged');
    expect(move(wedged, { type: 'resume' })).to.deep.equal({ kind: 'draining', reason: 'drained' });
    expect(() => move(wedged, { type: 'stall' })).to.throw('not legal');
  });

  it('are shown as wedged when they are overdue, until they end', () => {
    const draining: WorkerState = { kind: 'draining', reason: 'drained' };
    expect([shownAs(draining), shownAs(draining, true)]).to.deep.equal(['draining', 'wedged']);
    expect(shownAs(move(draining, { type: 'exit' }), true)).to.equal('dead');
  });

  it('do not stall before they are ready: loading code may take long', () => {
    expect(() => move({ kind: 'starting' }, { type: 'stall' })).to.throw('not legal');
  });

  it('do not leave the state dead', () => {
    const dead: WorkerState = { kind: 'dead', reason: 'lost' };
    for (const type of ['drain', 'exit'] as const) expect(() => move(dead, { type })).to.throw('not legal');
  });

  it('distinguish an exit without `leaving` from one in order', () => {
    const ready = move({ kind: 'starting' }, { type: 'ready', descriptor: { slot: 1, app: 1 } });
    expect(move(ready, { type: 'exit' })).to.deep.equal({ kind: 'dead', reason: 'lost' });
    const leaving = move(ready, { type: 'leaving', reason: 'uncaught-exception' });
    expect(move(leaving, { type: 'exit' })).to.deep.equal({ kind: 'dead', reason: 'uncaught-exception' });
  });
});
