import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createRateLimiter } from 'multilane';

describe('createRateLimiter', () => {
  it('allows a burst of every key, and reports to a refused caller when to retry', () => {
    const limiter = createRateLimiter({ limit: '1/minute;burst=2' });
    expect(limiter.take('a')).to.deep.equal({ allowed: true, remaining: 1, retryAfterMs: 0 });
    expect(limiter.take('a')).to.deep.equal({ allowed: true, remaining: 0, retryAfterMs: 0 });
    const { allowed, remaining, retryAfterMs } = limiter.take('a');
    expect({ allowed, remaining }).to.deep.equal({ allowed: false, remaining: 0 });
    expect(retryAfterMs).to.be.within(50_000, 60_000);
    expect(limiter.take('b').allowed).to.equal(true);
    limiter.close();
  });

  it('is the same in every thread that has its memory', async () => {
    const limiter = createRateLimiter({ limit: '1/minute;burst=2' });
    expect(limiter.take('a').allowed).to.equal(true);
    const ask = async (): Promise<unknown> => {
      const thread = new Worker(new URL('./standalone-rate-limiter-thread.js', import.meta.url), {
        workerData: limiter.memory,
      });
      const [admitted] = await once(thread, 'message');
      return admitted;
    };
    expect(await ask()).to.equal(true);
    expect(await ask()).to.equal(false);
    expect(limiter.take('a').allowed).to.equal(false);
    limiter.close();
  });

  it('refuses a limit that differs from that in its memory, unless it has another name', () => {
    const { memory } = createRateLimiter({ limit: '2/minute' });
    for (const limit of ['1000/second', '2/second', '2/minute;burst=1'] as const) {
      expect(() => createRateLimiter({ limit, memory })).to.throw(TypeError, '"limiter" with another limit');
    }
    expect(createRateLimiter({ limit: '2/minute', memory }).take('a').allowed).to.equal(true);
    expect(createRateLimiter({ limit: '3/minute', memory, name: 'other' }).take('a').remaining).to.equal(2);
  });

  it('refuses a key that is not a string, since all numbers would be one key', () => {
    const limiter = createRateLimiter({ limit: '1/minute' });
    for (const key of [5, 6, undefined, null, {}, 1n]) {
      expect(() => limiter.take(key as string)).to.throw(
        TypeError,
        'take: the key must be a string, such as String(id)',
      );
    }
    expect(['5', '6'].map((key) => limiter.take(key).allowed)).to.deep.equal([true, true]);
  });

  it('refuses a malformed limit, a bad number of keys, and memory of another kind', () => {
    expect(() => createRateLimiter({ limit: 'often' as never })).to.throw(TypeError, 'often');
    expect(() => createRateLimiter({ limit: '1/second', keys: 0 })).to.throw(RangeError);
    const memory = new SharedArrayBuffer(4096);
    expect(() => createRateLimiter({ limit: '1/second', memory })).to.throw(Error, 'memory');
  });
});
