import { expect } from 'chai';
import { pino } from 'pino';
import { RollingReload } from '#src/cluster/rolling-reload.js';

interface Replacement {
  readonly isReplaced: boolean;
  readonly ended: Promise<void>;
}

/** A reload of a supervisor with three workers, whose replacements end as the test decides. */
function setUp(replacement: (worker: number) => Replacement, stopsAfter = Number.POSITIVE_INFINITY) {
  const replaced: number[] = [];
  const lines: string[] = [];
  const supervisor = {
    workers: [1, 2, 3].map((worker) => ({ worker })) as never,
    replace(worker: number) {
      replaced.push(worker);
      return Promise.resolve(replacement(worker));
    },
    get stopping() {
      return replaced.length >= stopsAfter;
    },
  };
  const write = (line: string): void => void lines.push((JSON.parse(line) as { msg: string }).msg);
  const reload = new RollingReload(supervisor, pino({ level: 'info' }, { write }));
  return { reload, replaced, lines };
}

const done = { isReplaced: true, ended: Promise.resolve() };

describe('a reload', () => {
  it('replaces one worker after the other, and ends when all predecessors have ended', async () => {
    const { reload, replaced, lines } = setUp(() => done);
    expect(await reload.begin()).to.equal(true);
    expect(replaced).to.deep.equal([1, 2, 3]);
    expect(lines).to.deep.equal(['reload begins', 'reload finished']);
    expect(reload.running).to.equal(false);
  });

  it('reports the first new thread that serves, once, and none when no thread gets ready', async () => {
    for (const [isReplaced, times] of [
      [true, 1],
      [false, 0],
    ] as const) {
      let served = 0;
      const supervisor = {
        workers: [1, 2].map((worker) => ({ worker })) as never,
        replace: () => Promise.resolve({ isReplaced, ended: Promise.resolve() }),
        stopping: false,
      };
      await new RollingReload(supervisor, pino({ level: 'silent' }), () => served++).begin();
      expect(served).to.equal(times);
    }
  });

  it('stops at the first replacement that does not get ready, and replaces no further worker', async () => {
    const { reload, replaced, lines } = setUp((worker) => ({ ...done, isReplaced: worker !== 2 }));
    expect(await reload.begin()).to.equal(false);
    expect(replaced).to.deep.equal([1, 2]);
    expect(lines.at(-1)).to.match(/^reload stopped: a replacement did not get ready/);
    expect(reload.running).to.equal(false);
  });

  it('stops when the process stops', async () => {
    const { reload, replaced, lines } = setUp(() => done, 1);
    expect(await reload.begin()).to.equal(false);
    expect(replaced).to.deep.equal([1]);
    expect(lines).to.deep.equal(['reload begins']);
  });

  it('is followed by exactly one more, however often that is requested meanwhile', async () => {
    const { reload, replaced, lines } = setUp(() => done);
    const first = reload.begin();
    const others = [reload.begin(), reload.begin(), reload.begin()];
    expect(await first).to.equal(true);
    expect(reload.running).to.equal(true);
    expect(await Promise.all(others)).to.deep.equal([true, true, true]);
    expect(replaced).to.deep.equal([1, 2, 3, 1, 2, 3]);
    expect(lines.filter((line) => line.includes('another one will follow'))).to.have.length(1);
    expect(reload.running).to.equal(false);
  });

  it('is followed by the one that was requested meanwhile also when it fails', async () => {
    let starts = 0;
    const { reload } = setUp(() => ({ ...done, isReplaced: ++starts > 1 }));
    expect(await Promise.all([reload.begin(), reload.begin()])).to.deep.equal([false, true]);
  });

  it('is not followed by another one when the process stops', async () => {
    const { reload, replaced, lines } = setUp(() => done, 1);
    expect(await Promise.all([reload.begin(), reload.begin()])).to.deep.equal([false, false]);
    expect(replaced).to.deep.equal([1]);
    expect(lines).to.deep.equal(['reload begins', 'a reload is in progress; another one will follow']);
  });
});
