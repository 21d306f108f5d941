import { expect } from 'chai';
import { type Build, explore, replay } from './explore.js';
import { law, ModelError, model, type Self, type Thread } from './model.js';
import { formatSchedule, parseSchedule } from './schedule.js';
import { smallMemory } from './small-memory.js';

const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));

/** A model of threads that each make one call, over a memory of its own. */
const toy =
  (
    calls: readonly ((words: Int32Array, self: Self) => void)[],
    rest: (
      words: Int32Array,
    ) => Pick<ReturnType<typeof model<Self>>, 'always' | 'finally' | 'recovery'> = () => ({}),
  ): Build =>
  (world) => {
    const words = shared(4);
    world.name(words.buffer as SharedArrayBuffer, { words: { offset: 0, stride: 16, rows: 1 } });
    const threads = calls.map(
      (call, index): Thread<Self> => ({
        name: `thread ${index}`,
        self: { waits: 0 },
        calls: { call: (self) => call(words, self) },
      }),
    );
    return model({ threads, ...rest(words) });
  };

const increment = (words: Int32Array): void => {
  words[0] = words[0]! + 1;
};

describe('the model checker', () => {
  it('finds a lost update with few interruptions, and shows the schedule', () => {
    const build = toy([increment, increment], (words) => ({
      finally: () => law(words[0] === 2, `the sum is ${words[0]}`),
    }));
    const { finding } = explore(build);
    expect(finding).to.deep.equal({
      message: 'the sum is 1',
      schedule: '0 1*2 0',
      trace: [
        '  1 thread 0.call: read words[0] = 0',
        '  2 thread 1.call: read words[0] = 0',
        '  3 thread 1.call: write words[0]: 0 -> 1',
        '  4 thread 0.call: write words[0] = 1',
      ].join('\n'),
    });
    expect(replay(build, parseSchedule(finding!.schedule))).to.deep.equal({
      message: finding!.message,
      trace: finding!.trace,
    });
    expect(replay(build, parseSchedule('0*2 1*2')).message).to.equal(undefined);
  });

  it('explores each order of the accesses that other threads can notice, and no other orders', () => {
    const add = (words: Int32Array): void => void Atomics.add(words, 0, 1);
    // The states: which of the threads, none, one or both, have added.
    expect(explore(toy([add, add])).states).to.equal(4);
    const apart = [1, 2].map((index) => (words: Int32Array) => void Atomics.add(words, index, 1));
    expect(explore(toy(apart)).states).to.equal(4);
    const readers = [1, 2].map(() => (words: Int32Array) => void [0, 1, 2, 3].map((at) => words[at]));
    expect(explore(toy(readers)).states).to.equal(4);
  });

  it('lets a thread die at any access, and the primary recover its permits', () => {
    const take = (words: Int32Array): void => {
      Atomics.add(words, 0, 1);
      Atomics.add(words, 1, 1);
    };
    const build = toy([take], (words) => ({
      recovery: () => ({ reclaim: () => void Atomics.sub(words, 0, Atomics.exchange(words, 1, 0)) }),
      finally: ({ dead }) => law(dead === undefined || words[0] === 0, `${words[0]} is left`),
    }));
    expect(explore(build).finding).to.include({ message: '1 is left', schedule: '0 x0 1*2' });
  });

  it('finds a thread that waits for a stopped thread', () => {
    const [lock, unlock] = [0, 1].map((value) => (words: Int32Array) => {
      while (Atomics.compareExchange(words, 0, value, 1 - value) !== value);
    });
    expect(explore(toy([lock!, unlock!])).finding?.message).to.match(/^thread 1.call goes on for more than/);
  });

  it('finds a thread that is never woken, and accepts a thread that waits after it was woken', () => {
    const sleep = (words: Int32Array, self: Self): void => {
      self.waits = 1;
      const { async: waits } = Atomics.waitAsync(words, 0, 0);
      if (!waits) self.waits = 0;
    };
    const ring = (wakes: boolean) => (words: Int32Array) => {
      Atomics.store(words, 0, 1);
      if (wakes) Atomics.notify(words, 0);
    };
    expect(explore(toy([sleep, ring(true)])).finding).to.equal(undefined);
    expect(explore(toy([sleep, ring(false)])).finding?.message).to.match(/no thread is left to wake it$/);
  });

  it('refuses code that depends on more than shared memory', () => {
    let runs = 0;
    const moody = (words: Int32Array): void => {
      Atomics.add(words, runs++ & 1, 1);
      Atomics.add(words, 2, 1);
    };
    expect(() => explore(toy([moody, increment]))).to.throw(ModelError, 'depends on something');
  });

  it('restores Atomics after a check', () => {
    const before = [Atomics, Int32Array, BigInt64Array, Uint8Array];
    const wrong: Build = () => {
      throw new Error('wrong');
    };
    expect(() => explore(wrong)).to.throw('wrong');
    expect([Atomics, Int32Array, BigInt64Array, Uint8Array]).to.deep.equal(before);
  });

  it('parses the schedules that it prints', () => {
    const moves = [0, 0, 0, 1, -1, 2, 2, 10];
    expect(formatSchedule(moves)).to.equal('0*3 1 x0 2*2 10');
    expect(parseSchedule(formatSchedule(moves))).to.deep.equal(moves);
    expect(() => parseSchedule('0 two')).to.throw(SyntaxError);
  });

  it('refuses to plant a fault in text that does not exist', async () => {
    const patch = { module: 'wide', from: 'no such text', to: '' } as const;
    const error = await smallMemory(patch).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.an('error').with.property('message').that.includes('wide.js has 0 times');
  });
});
