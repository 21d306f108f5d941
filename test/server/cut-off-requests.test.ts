// A request that is cut off where nothing catches it, by a full stack for example: what it counts as, and
// what it holds, is ended all the same. Here the dependencies throw as code does for which no stack is left.
import { executionAsyncId } from 'node:async_hooks';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { inject } from '#src/server/inject.js';
import { InjectExchange } from '#src/server/inject-exchange.js';
import { type Bench, bench, latch, settled } from './kit.js';

const fullStack = (): never => {
  throw new RangeError('Maximum call stack size exceeded');
};

/** Replaces a method until it has been called once. */
function cutOffOnce<N extends string>(object: { [name in N]: (...args: never[]) => unknown }, name: N): void {
  const method = object[name];
  object[name] = () => {
    object[name] = method;
    fullStack();
  };
}

/** Where a request is cut off. */
const PLACES: Readonly<Record<string, (world: Bench, meter: MeterParts) => void>> = {
  'when its span begins': ({ tracing }) => cutOffOnce(tracing, 'samples'),
  'when its handler is about to run': (_world, meter) => cutOffOnce(meter, 'enter'),
  'when its handler has ended': (_world, meter) => cutOffOnce(meter, 'leave'),
  'when its response is counted, each time until the stack is short': (_world, meter) => {
    const { end } = meter;
    meter.end = fullStack;
    setImmediate(() => {
      meter.end = end;
    });
  },
};

type MeterParts = { -readonly [name in 'enter' | 'leave' | 'end']: (...args: never[]) => unknown };

describe('a request that is cut off', () => {
  function world(handler: () => unknown = () => ({ ok: true })): { world: Bench; meter: MeterParts } {
    const made: Bench = bench((app) => app.get('/called', { maxConcurrent: 1 }, handler));
    const info = made.app.routes();
    expect(info).to.have.length(1);
    return { world: made, meter: made.observer.meters.get('GET /called')! as MeterParts };
  }
  const call = ({ app }: Bench): Promise<string> =>
    inject(app, { url: '/called', inProcess: true }).then(
      ({ status }) => String(status),
      (error: Error) => error.name,
    );

  for (const [place, cutOff] of Object.entries(PLACES)) {
    it(`${place}, ends and holds nothing`, async () => {
      const { world: made, meter } = world();
      const { app, observer } = made;
      cutOff(made, meter);
      void call(made);
      await settled();
      await settled();
      app.endCutOff();
      expect(app.living()).to.deep.equal([]);
      expect([observer.begun, observer.seen.length]).to.deep.equal([1, 1]);
      expect(await call(made), 'the permit is free').to.equal('200');
      app.endCutOff();
      expect([observer.begun, observer.seen.length]).to.deep.equal([2, 2]);
    });
  }

  it('before it is counted, does not count as ended', async () => {
    const { world: made } = world();
    const { app, observer } = made;
    cutOffOnce(observer.meters.get('GET /called')! as never, 'begin');
    expect(await call(made)).to.equal('RangeError');
    app.endCutOff();
    expect(app.living()).to.deep.equal([]);
    expect([observer.begun, observer.seen.length]).to.deep.equal([0, 0]);
    expect(made.logs.map(({ msg }) => String(msg)).join()).to.include('cut off');
  });

  it('by the timeout of node:vm ends, and leaves no asynchronous context entered', async () => {
    let contexts: readonly number[] = [];
    let isEndless = true;
    const { world: made } = world(() => {
      contexts = [...contexts, executionAsyncId()];
      while (isEndless);
    });
    const { app, observer } = made;
    const own = executionAsyncId();
    const begin = (): void => void call(made);
    expect(() => runInNewContext('begin()', { begin }, { timeout: 20 })).to.throw('timed out');
    isEndless = false;
    expect(executionAsyncId()).to.equal(own);
    expect(contexts, 'Node.js would have to leave another one').to.deep.equal([own]);
    await settled();
    app.endCutOff();
    expect(app.living()).to.deep.equal([]);
    expect(observer.seen.map(({ status }) => status)).to.deep.equal([500]);
    expect(await call(made), 'the permit is free').to.equal('204');
  });

  it('settles nothing for a caller that was cut off with it: no rejection is left unhandled', async () => {
    const { world: made, meter } = world();
    cutOffOnce(meter, 'enter');
    const results: string[] = [];
    const exchange = new InjectExchange(
      { url: '/called', inProcess: true },
      {
        whole: () => void results.push('whole'),
        begin: () => void results.push('begin'),
        write: () => undefined,
        end: () => void results.push('end'),
        fail: () => void results.push('fail'),
      },
    );
    expect(() => made.app.handle(exchange)).to.throw(RangeError);
    made.app.endCutOff();
    expect(made.app.living()).to.deep.equal([]);
    expect(results).to.deep.equal([]);
  });

  it('is told from one that goes on, which is left alone', async () => {
    const gate = latch<string>();
    const { world: made } = world(() => gate.opened);
    const waiting = call(made);
    await settled();
    made.app.endCutOff();
    gate.open('late');
    expect(await waiting).to.equal('200');
    expect(made.observer.seen.map(({ status }) => status)).to.deep.equal([200]);
  });
});
