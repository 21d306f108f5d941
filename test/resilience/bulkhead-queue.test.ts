import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import { Block } from '#src/memory/block.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';
import { BulkheadQueue } from '#src/resilience/bulkhead-queue.js';
import type { RunOptions } from '#src/resilience/policy.js';
import { runInScope } from '#src/scope.js';
import { heldScope } from '#test/support/held-scope.js';

/** The bulkhead of one thread, and the permits as another thread sees them. */
function setUp(limit: number, queue = 0, queueMs = 60_000, clock?: () => number) {
  const block = Block.create({ workers: 2 });
  let refusals = 0;
  const permits = new BulkheadCells(block, 1, clock).of('a');
  const bulkhead = new BulkheadQueue({ permits, limit, queue, queueMs, onRefused: () => void refusals++ });
  const controller = new AbortController();
  const { signal } = controller;
  const guest = { signal, isAborted: false, hold: () => undefined };
  const enter = () => bulkhead.enter(guest);
  return {
    bulkhead,
    enter,
    controller,
    elsewhere: new BulkheadCells(block, 2, clock).of('a'),
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

describe('a bulkhead', () => {
  it('admits up to its limit, without a promise, and rejects the next with OVERLOADED', () => {
    const { bulkhead, enter, refusals } = setUp(2);
    expect([enter(), enter()]).to.deep.equal([undefined, undefined]);
    expect(codeOf(enter)).to.equal('OVERLOADED');
    expect(refusals()).to.equal(1);
    bulkhead.leave();
    expect(enter()).to.equal(undefined);
  });

  it('gives a returned permit to the caller that has waited longest, and lets no new caller overtake', async () => {
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

  it('leaves permits free for callers that wait in other threads, and uses those beyond', async () => {
    const { bulkhead, enter, elsewhere, controller } = setUp(4, 1, 60_000, () => 1_000);
    elsewhere.line.publish(990, 2);
    expect([enter(), enter()]).to.deep.equal([undefined, undefined]);
    const waiting = reasonOf(enter());
    expect(codeOf(enter), 'the queue is full').to.equal('OVERLOADED');
    elsewhere.line.publish(995, 1);
    bulkhead.leave();
    expect(bulkhead.waiting, 'three permits are free, and one waits elsewhere').to.equal(0);
    expect(await waiting).to.equal(undefined);
    expect([elsewhere.enter(4), elsewhere.enter(4)]).to.deep.equal([true, true]);
    controller.abort();
  });

  it('gives a returned permit to its own next caller when all callers before have a free one', async () => {
    const { bulkhead, enter, elsewhere } = setUp(3, 1, 60_000, () => 1_000);
    expect([enter(), enter(), enter()]).to.deep.equal([undefined, undefined, undefined]);
    const waiting = enter();
    elsewhere.line.publish(990, 1);
    bulkhead.leave();
    expect([bulkhead.waiting, bulkhead.held], 'it is the turn of the other thread').to.deep.equal([1, 2]);
    bulkhead.leave();
    expect([bulkhead.waiting, bulkhead.held]).to.deep.equal([0, 2]);
    await waiting;
    expect(elsewhere.enter(3)).to.equal(true);
  });

  it('finds a permit that another thread has returned', async () => {
    const { enter, elsewhere } = setUp(1, 1);
    elsewhere.enter(1);
    const waiting = enter();
    elsewhere.leave();
    await waiting;
    expect(elsewhere.held).to.equal(1);
  });

  it('rejects a caller that has waited too long', async () => {
    const { bulkhead, enter, elsewhere, refusals } = setUp(1, 1, 20);
    elsewhere.enter(1);
    expect(await reasonOf(enter())).to.have.property('code', 'OVERLOADED');
    expect([bulkhead.waiting, refusals(), elsewhere.held]).to.deep.equal([0, 1, 1]);
  });

  it('ends the wait of a caller whose signal aborts', async () => {
    const { bulkhead, enter, controller, refusals } = setUp(1, 1);
    expect(enter()).to.equal(undefined);
    const waiting = reasonOf(enter());
    controller.abort(new Error('left'));
    expect(await waiting).to.have.property('message', 'left');
    expect([bulkhead.waiting, refusals()]).to.deep.equal([0, 0]);
    bulkhead.leave();
    expect(enter()).to.equal(undefined);
  });

  it('may have many waiters with one signal, without a warning of Node', async () => {
    const warnings: string[] = [];
    const warned = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', warned);
    const { signal } = new AbortController();
    for (const options of [{}, { signal }]) {
      const { bulkhead } = setUp(1, 30);
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      await Promise.all(Array.from({ length: 31 }, () => bulkhead.run(turn, options)));
    }
    process.off('warning', warned);
    expect(warnings).to.deep.equal([]);
  });

  it('adds no listener for a caller without a signal', async () => {
    const { bulkhead } = setUp(1, 30);
    const original = Object.getOwnPropertyDescriptor(EventTarget.prototype, 'addEventListener')!;
    const listened: string[] = [];
    Object.defineProperty(EventTarget.prototype, 'addEventListener', {
      ...original,
      value(this: EventTarget, ...args: Parameters<EventTarget['addEventListener']>) {
        if (this instanceof AbortSignal) listened.push(args[0]);
        return (original.value as EventTarget['addEventListener']).apply(this, args);
      },
    });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    try {
      await Promise.all(Array.from({ length: 31 }, () => bulkhead.run(turn)));
    } finally {
      Object.defineProperty(EventTarget.prototype, 'addEventListener', original);
    }
    expect(listened).to.deep.equal([]);
  });

  it('examines only the first caller of a long queue, until one may run', async () => {
    const WAITERS = 2_000;
    let looks = 0;
    let held = 1;
    let ring = (): void => undefined;
    const line = {
      now: () => 0,
      publish: () => undefined,
      clear: () => undefined,
      ahead() {
        looks++;
        return 0;
      },
      ring: () => undefined,
      rung: () => new Promise<void>((resolve) => (ring = resolve)),
    };
    const permits = {
      enter(most: number) {
        if (held >= most) return false;
        held++;
        return true;
      },
      leave: () => void held--,
      get held() {
        return held;
      },
      line,
    };
    const parts = { permits, limit: 1, queue: WAITERS, queueMs: 60_000, onRefused: () => undefined };
    const bulkhead = new BulkheadQueue(parts);
    let done = 0;
    const runs = Array.from({ length: WAITERS }, () => bulkhead.run(() => void done++));
    looks = 0;
    ring();
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks).to.be.within(1, 10);
    bulkhead.leave();
    await Promise.all(runs);
    expect(done).to.equal(WAITERS);
  });
});

describe('a bulkhead for work whose request has ended', () => {
  it('does not run the work, with or without a free permit, unless it has a signal of its own', async () => {
    const { bulkhead, enter } = setUp(1, 1);
    const left = new Error('the client left');
    const ended = { ...heldScope(), signal: AbortSignal.abort(left) };
    const run = (options?: RunOptions): Promise<unknown> =>
      runInScope(ended, () => bulkhead.run(() => 'done', options)).catch((error: unknown) => error);
    expect(await run()).to.equal(left);
    expect(bulkhead.held).to.equal(0);
    expect(await run({ signal: new AbortController().signal })).to.equal('done');
    expect(enter()).to.equal(undefined);
    const late = run();
    expect(bulkhead.waiting).to.equal(0);
    expect(await late).to.equal(left);
  });
});

describe('the permit of work that is interrupted', () => {
  it('is returned once, with everything that its scope holds, even when the work ends later', async () => {
    const { bulkhead, elsewhere } = setUp(2);
    const scope = heldScope();
    let end = (): void => undefined;
    const work = runInScope(scope, () => bulkhead.run(() => new Promise<void>((resolve) => (end = resolve))));
    expect(bulkhead.held).to.equal(1);
    scope.holds.release();
    expect(bulkhead.held).to.equal(0);
    elsewhere.enter(2);
    end();
    await work;
    expect(bulkhead.held, 'of another thread').to.equal(1);
  });

  it('is returned when the work was admitted and its continuation has not run', async () => {
    const { bulkhead, enter } = setUp(1, 2);
    expect(enter()).to.equal(undefined);
    const scope = heldScope();
    const ran: string[] = [];
    const broken = runInScope(scope, () => bulkhead.run(() => ran.push('interrupted')));
    const next = bulkhead.run(() => ran.push('next'));
    bulkhead.leave();
    expect(bulkhead.waiting, 'the first of them has the permit').to.equal(1);
    scope.holds.release();
    expect(bulkhead.waiting).to.equal(0);
    await Promise.all([broken, next]);
    expect(bulkhead.held).to.equal(0);
    expect(ran).to.include('next');
  });
});
