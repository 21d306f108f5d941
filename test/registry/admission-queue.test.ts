// Instances of other processes that wait to be admitted, with admissions that the test ends.
import { expect } from 'chai';
import { AdmissionQueue } from '#src/registry/backends/admission-queue.js';
import type { FoundInstance } from '#src/registry/backends/backend.js';
import { until } from '#test/support/until.js';

const found = (service: string, id: string): FoundInstance => ({ service, id, body: {}, isLocal: false });

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
});
