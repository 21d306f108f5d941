// Instances of other processes that wait to be admitted, with admissions that the test ends.
import { expect } from 'chai';
import { AdmissionQueue } from '#src/registry/backends/admission-queue.js';
import type { FoundInstance } from '#src/registry/backends/backend.js';
import { until } from '#test/support/until.js';
import { FakeTime } from '#test/upstream/endpoints.js';

const found = (service: string, id: string): FoundInstance => ({ service, id, body: {}, isLocal: false });

/** One whose name has to be looked up. */
const named = (service: string, id: string): FoundInstance => ({
  ...found(service, id),
  body: { host: `${id}.internal`, port: 80 },
});

/** Instances are refused while their id begins with `refused`; all others are never done. */
function overTime() {
  const time = new FakeTime();
  const tried: string[] = [];
  const queue = new AdmissionQueue(async ({ id }) => {
    tried.push(`${id} ${time.now / 1000}`);
    if (id.startsWith('slow')) await new Promise(() => undefined);
    return id.startsWith('refused');
  }, time.schedule);
  return { time, tried, queue };
}

function setUp() {
  const tried: string[] = [];
  const ending = new Map<string, (mayBeLater: boolean) => void>();
  const queue = new AdmissionQueue(({ service, id }, isAgain) => {
    tried.push(`${service}/${id}${isAgain ? ' again' : ''}`);
    return new Promise((resolve) => ending.set(`${service}/${id}`, resolve));
  });
  const end = async (name: string, mayBeLater = false): Promise<void> => {
    ending.get(name)!(mayBeLater);
    await new Promise(setImmediate);
  };
  return { queue, tried, end };
}

describe('the queue of instances of other processes', () => {
  it('has one of each service under way, so that slow names delay no other service', async () => {
    const { queue, tried, end } = setUp();
    for (const id of ['a', 'b', 'c']) queue.add(found('slow', id));
    for (const id of ['a', 'b']) queue.add(found('quick', id));
    await end('quick/a');
    await end('quick/b');
    expect(tried).to.deep.equal(['slow/a', 'quick/a', 'quick/b']);
    await end('slow/a');
    expect(tried.at(-1)).to.equal('slow/b');
    queue.close();
  });

  it('has a few services under way, and takes the others in turn', async () => {
    const { queue, tried, end } = setUp();
    for (let n = 0; n < 40; n += 1) queue.add(found(`s${n}`, 'a'));
    expect(tried).to.have.length(16);
    await end('s3/a');
    expect(tried.at(-1)).to.equal('s16/a');
    queue.close();
  });

  it('tries an instance again that may be admitted later, unless it has left meanwhile', async () => {
    const { queue, tried, end } = setUp();
    queue.add(found('orders', 'stays'));
    queue.add(found('orders', 'leaves'));
    await end('orders/stays', true);
    queue.remove('orders', 'leaves');
    await end('orders/leaves', true);
    await until(
      () => tried.length,
      (count) => count > 2,
    );
    expect(tried).to.deep.equal(['orders/stays', 'orders/leaves', 'orders/stays again']);
    queue.close();
  });

  it('takes an instance with an address at once, however many names resolve slowly', async () => {
    const { queue, tried } = overTime();
    for (let n = 0; n < 40; n += 1) queue.add(named(`s${n}`, 'slow'));
    for (let n = 0; n < 200; n += 1) queue.add(found('orders', `i${n}`));
    await until(
      () => tried.filter((text) => text.startsWith('i')).length,
      (count) => count === 200,
    );
    expect(tried.filter((text) => text.startsWith('slow'))).to.have.length(16);
  });

  it('serves the next service after each instance of one', async () => {
    const { queue, tried, end } = setUp();
    for (let n = 0; n < 16; n += 1) for (const id of ['a', 'b']) queue.add(named(`s${n}`, id));
    queue.add(named('other', 'a'));
    await end('s0/a');
    expect(tried.at(-1)).to.equal('other/a');
    queue.close();
  });

  it('tries each instance again ever more rarely, whatever becomes of others', async () => {
    const { time, tried, queue } = overTime();
    queue.add(named('orders', 'refused1'));
    await time.pass(40_000);
    expect(tried).to.deep.equal([0, 2, 6, 14, 30].map((at) => `refused1 ${at}`));
    queue.add(named('orders', 'refused2'));
    await time.pass(10_000);
    expect(tried.slice(5)).to.deep.equal([40, 42, 46].map((at) => `refused2 ${at}`));
    queue.close();
    expect(time.pending).to.deep.equal([]);
  });

  it('tries as many again at once as others have left, because there is room for them', async () => {
    const { time, tried, queue } = overTime();
    for (let n = 0; n < 5; n += 1) queue.add(found('orders', `refused${n}`));
    await time.pass(31_000);
    tried.length = 0;
    for (let n = 0; n < 2; n += 1) queue.remove('orders', `i${n}`);
    await time.pass(2_000);
    expect(tried).to.deep.equal(['refused0 32', 'refused1 32']);
    await time.pass(4_000);
    expect(tried).to.have.length(2);
    queue.close();
  });

  it('has places for those that it tries again, which are not those of others', async () => {
    const time = new FakeTime();
    const tried: string[] = [];
    const queue = new AdmissionQueue(async ({ id }, isAgain) => {
      tried.push(id);
      if (isAgain) await new Promise(() => undefined);
      return true;
    }, time.schedule);
    for (let n = 0; n < 30; n += 1) queue.add(named(`s${n}`, 'refused'));
    await time.pass(2_000);
    expect(tried).to.have.length(34);
    queue.add(named('new', 'good'));
    expect(tried.at(-1)).to.equal('good');
    queue.close();
  });
});
