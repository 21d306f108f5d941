import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';
import { BulkheadQueue } from '#src/resilience/bulkhead.js';

/** The bulkhead of one thread, and the places as another thread sees them. */
function setUp(limit: number, queue = 0, queueMs = 60_000) {
  const block = Block.create({ workers: 2 });
  let refusals = 0;
  const permits = new BulkheadCells(block, 1).of('a');
  const bulkhead = new BulkheadQueue({ permits, limit, queue, queueMs, onRefused: () => void refusals++ });
  const controller = new AbortController();
  const enter = () => bulkhead.enter(() => controller.signal);
  return {
    bulkhead,
    enter,
    controller,
    elsewhere: new BulkheadCells(block, 2).of('a'),
    refusals: () => refusals,
  };
}

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as HttpError).code;
  }
  return undefined;
};

const reasonOf = (promise: Promise<unknown> | undefined): Promise<unknown> =>
  promise!.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('bulkhead', () => {
  it('lets in so many, without a promise, and refuses the next with OVERLOADED', () => {
    const { bulkhead, enter, refusals } = setUp(2);
    expect([enter(), enter()]).to.deep.equal([undefined, undefined]);
    expect(codeOf(enter)).to.equal('OVERLOADED');
    expect(refusals()).to.equal(1);
    bulkhead.leave();
    expect(enter()).to.equal(undefined);
  });

  it('gives a place that is left to who waits longest, and lets nobody overtake', async () => {
    const { bulkhead, enter, refusals } = setUp(1, 2);
    expect(enter()).to.equal(undefined);
    const order: string[] = [];
    const waiting = ['first', 'second'].map((name) => enter()!.then(() => order.push(name)));
    expect(bulkhead.waiting).to.equal(2);
    expect(codeOf(enter), 'the queue is full').to.equal('OVERLOADED');
    bulkhead.leave();
    await waiting[0];
    expect(order).to.deep.equal(['first']);
    bulkhead.leave();
    await waiting[1];
    expect(order).to.deep.equal(['first', 'second']);
    expect([bulkhead.waiting, refusals()]).to.deep.equal([0, 1]);
  });

  it('finds a place that another thread has left', async () => {
    const { enter, elsewhere } = setUp(1, 1);
    elsewhere.enter(1);
    const waiting = enter();
    elsewhere.leave();
    await waiting;
    expect(elsewhere.held).to.equal(1);
  });

  it('refuses who has waited too long', async () => {
    const { bulkhead, enter, elsewhere, refusals } = setUp(1, 1, 20);
    elsewhere.enter(1);
    expect(await reasonOf(enter())).to.have.property('code', 'OVERLOADED');
    expect([bulkhead.waiting, refusals(), elsewhere.held]).to.deep.equal([0, 1, 1]);
  });

  it('lets go who is called off while waiting', async () => {
    const { bulkhead, enter, controller, refusals } = setUp(1, 1);
    expect(enter()).to.equal(undefined);
    const waiting = reasonOf(enter());
    controller.abort(new Error('left'));
    expect(await waiting).to.have.property('message', 'left');
    expect([bulkhead.waiting, refusals()]).to.deep.equal([0, 0]);
    bulkhead.leave();
    expect(enter()).to.equal(undefined);
  });
});
