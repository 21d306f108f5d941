// The release of what a request holds, cut off at each of its steps by a full stack. It is repeated then, but
// nothing is released a second time: no count may be lower than what the other requests hold.
import { expect } from 'chai';
import { BulkheadQueue } from '#src/resilience/bulkhead-queue.js';
import { inject } from '#src/server/inject.js';
import { LiveRequests } from '#src/server/live-requests.js';
import { bench, latch, settled } from './kit.js';

const fullStack = (): never => {
  throw new RangeError('Maximum call stack size exceeded');
};

type Method<N extends string> = Record<N, (...args: never[]) => unknown>;

/** Replaces a method until it has been called once, and then throws before or after its work. */
function cutOffOnce<N extends string>(object: Method<N>, name: N, when: 'before' | 'after'): void {
  const method = object[name];
  object[name] = function (this: unknown, ...args: never[]) {
    object[name] = method;
    if (when === 'after') Reflect.apply(method, this, args);
    fullStack();
  };
}

/** Requests that wait, and hold one of everything each. */
const WAITING = 2;

/** An App with everything that is released in a step of its own, and how much of each is held. */
async function setUp() {
  const gate = latch<string>();
  const load = {
    held: 0,
    enter: () => void load.held++,
    leave: () => void load.held--,
    took() {},
    report: () => '',
  };
  const queues: BulkheadQueue[] = [];
  const prototype: Method<'enter'> = BulkheadQueue.prototype;
  const { enter } = prototype;
  prototype.enter = function (this: BulkheadQueue, ...args) {
    queues.push(this);
    return Reflect.apply(enter, this, args);
  };
  const made = bench(
    (app) => {
      const options = { maxConcurrent: { limit: 10, queue: 4, queueMs: 1_000 } };
      app.get('/:what', options, (ctx) => (ctx.params.what === 'waits' ? gate.opened : 'done'));
    },
    { loads: { of: () => load } },
  );
  const gated = { free: 10, leave: () => void gated.free++ };
  Object.defineProperty(made.world, 'permits', {
    get: () => gated.free,
    set: (value: number) => {
      if (value > gated.free) gated.leave();
      else gated.free = value;
    },
  });
  const call = (what: string): Promise<string> =>
    inject(made.app, { url: `/${what}` }).then(
      ({ status }) => String(status),
      (error: Error) => error.name,
    );
  const waiting = Array.from({ length: WAITING }, () => call('waits'));
  await settled();
  prototype.enter = enter;
  const held = () => ({
    gate: 10 - gated.free,
    load: load.held,
    bulkhead: queues[0]!.held,
    living: made.app.living().length,
  });
  const end = async (): Promise<void> => {
    gate.open('done');
    await Promise.all(waiting);
  };
  return { app: made.app, call, held, end, gated, load, queue: queues[0]! };
}

type World = Awaited<ReturnType<typeof setUp>>;

/** The steps, in no order. */
const STEPS: Readonly<Record<string, (world: World, when: 'before' | 'after') => void>> = {
  'the permit of the gate is released': ({ gated }, when) => cutOffOnce(gated, 'leave', when),
  'the load of the service is released': ({ load }, when) => cutOffOnce(load as never, 'leave', when),
  'the permit of the bulkhead is released': ({ queue }, when) => cutOffOnce(queue, 'leave', when),
  'the list of living requests is left': (_world, when) =>
    cutOffOnce(LiveRequests.prototype as never, 'remove', when),
};

describe('a release that is cut off', () => {
  for (const [step, cutOff] of Object.entries(STEPS)) {
    for (const when of ['before', 'after'] as const) {
      it(`${when} ${step} releases nothing twice, while others hold the same`, async () => {
        const world = await setUp();
        const others = { gate: WAITING, load: WAITING, bulkhead: WAITING, living: WAITING };
        expect(world.held()).to.deep.equal(others);
        cutOff(world, when);
        await world.call('ends');
        await settled();
        const least = (): void => {
          for (const [what, count] of Object.entries(world.held()))
            expect(count, what).to.be.at.least(WAITING);
        };
        least();
        for (let beats = 0; beats < 3; beats++) {
          world.app.endCutOff();
          least();
        }
        const { living, ...held } = world.held();
        expect(living).to.equal(WAITING);
        // A permit whose release was cut off before it had begun is lost until its thread ends.
        const lost = Object.values(held).reduce((sum, count) => sum + count - WAITING, 0);
        expect(lost).to.be.at.most(when === 'before' ? 1 : 0);
        await world.end();
        for (const [what, count] of Object.entries(world.held())) expect(count, what).to.be.within(0, lost);
      });
    }
  }
});
