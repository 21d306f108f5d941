import { expect } from 'chai';
import fc from 'fast-check';
import { generationsOf, progressOf } from '#src/cli/reload-progress.js';

/** `1.2 ready` is worker 1 in generation 2. */
const workers = (...lines: readonly string[]) =>
  lines.map((line) => {
    const [, id, generation, state = ''] = /^(\d+)\.(\d+) (.+)$/.exec(line) ?? [];
    return { id: Number(id), generation: Number(generation), state };
  });

describe('the progress of a reload', () => {
  const before = generationsOf(workers('1.1 ready', '2.4 ready'));

  for (const [what, now, state, replaced] of [
    ['has not begun', ['1.1 ready', '2.4 ready'], 'idle', []],
    ['starts a replacement', ['1.1 ready', '1.2 starting', '2.4 ready'], 'moving', []],
    ['has both in rotation', ['1.1 ready', '1.2 ready', '2.4 ready'], 'moving', [1]],
    ['drains the old one', ['1.1 draining', '1.2 ready', '2.4 ready'], 'moving', [1]],
    ['is between two workers', ['1.2 ready', '2.4 ready'], 'idle', [1]],
    ['waits for the last to drain', ['1.2 ready', '2.4 draining', '2.5 ready'], 'moving', [1, 2]],
    ['is done', ['1.2 ready', '2.5 ready'], 'done', [1, 2]],
    ['is done although a replacement was replaced again', ['1.3 ready', '2.6 ready'], 'done', [1, 2]],
    ['has lost a worker that is restarted', ['1.2 ready', '2.5 starting'], 'moving', [1]],
    ['is done except for a stuck thread', ['1.1 wedged', '1.2 ready', '2.5 ready'], 'done', [1, 2]],
    [
      'waits for another worker to drain',
      ['1.1 wedged', '1.2 ready', '2.4 draining', '2.5 ready'],
      'moving',
      [1, 2],
    ],
    ['is between two workers, one wedged', ['1.1 wedged', '1.2 ready', '2.4 ready'], 'idle', [1]],
    ['starts a replacement for a stuck thread', ['1.2 wedged', '1.3 starting', '2.5 ready'], 'moving', [2]],
  ] as const) {
    it(`is ${state} when it ${what}`, () => {
      const progress = progressOf(before, workers(...now));
      expect(progress.state).to.equal(state);
      expect(progress.replaced.map(({ id }) => id)).to.deep.equal(replaced);
    });
  }

  it('is idle or done when no thread is starting or ending', () => {
    const states = ['starting', 'ready', 'draining', 'stalled', 'wedged', 'dead'];
    const thread = fc.record({
      id: fc.integer({ min: 1, max: 2 }),
      generation: fc.integer({ min: 1, max: 6 }),
      state: fc.constantFrom(...states),
    });
    fc.assert(
      fc.property(fc.array(thread), (threads) => {
        // Every thread has ended, is ready, or is stuck.
        const settled = threads.filter(({ state }) => state === 'ready' || state === 'wedged');
        const { state, replaced, stuck, pending } = progressOf(before, settled);
        const isTwice = new Set(settled.filter((one) => one.state === 'ready').map(({ id }) => id));
        if (isTwice.size === settled.filter((one) => one.state === 'ready').length) {
          expect(state).to.not.equal('moving');
        }
        for (const one of stuck) expect(one.state).to.equal('wedged');
        for (const one of [...replaced, ...pending]) expect(one.state).to.not.equal('wedged');
      }),
    );
  });

  it('counts from the newest generation of a worker that was being replaced', () => {
    expect([...generationsOf(workers('1.1 draining', '1.2 ready'))]).to.deep.equal([[1, 2]]);
  });
});
