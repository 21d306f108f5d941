import { expect } from 'chai';
import { RingWriter } from '#src/memory/line-ring.js';
import { BATCH_EVERY_MS, DONE_WITHIN_MS, LogBatches, type ThreadLog } from '#src/telemetry/log-batches.js';

/** Stands for pm2: each batch is written when the test decides it. */
function pm2() {
  const batches: string[] = [];
  const undone: (() => void)[] = [];
  const logs = new LogBatches((text, done) => {
    batches.push(text);
    undone.push(done);
  });
  return { logs, batches, done: () => undone.shift()!() };
}

const say = ({ memory }: ThreadLog, ...lines: readonly string[]): boolean => {
  const writer = new RingWriter(memory);
  return lines.every((line) => writer.push(Buffer.from(`${line}\n`)));
};

describe('the log batches for pm2', () => {
  const opened: LogBatches[] = [];
  const open = (): ReturnType<typeof pm2> => {
    const one = pm2();
    opened.push(one.logs);
    return one;
  };
  afterEach(() => {
    for (const logs of opened.splice(0)) void logs.close();
  });

  it('pass on the lines of all threads together, at most 20 times a second', () => {
    const { logs, batches } = open();
    const threads = [logs.open(), logs.open(), logs.open()];
    for (const [n, thread] of threads.entries())
      say(thread, ...Array.from({ length: 100 }, (_, i) => `${n}-${i}`));
    logs.pass();
    expect(batches).to.have.length(1);
    for (const n of threads.keys()) {
      const own = batches[0]!.split('\n').filter((line) => line.startsWith(`${n}-`));
      expect(own).to.deep.equal(Array.from({ length: 100 }, (_, i) => `${n}-${i}`));
    }
    expect(1000 / BATCH_EVERY_MS).to.be.at.most(20);
  });

  it('tell when pm2 has written the lines before a mark', () => {
    const { logs, done } = open();
    const [thread, other] = [logs.open(), logs.open()];
    expect(thread.mark()()).to.equal(true);
    say(other, 'earlier');
    logs.pass();
    say(thread, '1');
    const isWritten = thread.mark();
    say(thread, '2');
    expect(isWritten(), 'in the ring').to.equal(false);
    done();
    expect(isWritten(), 'in the ring, and nothing is on its way').to.equal(false);
    logs.pass();
    expect(isWritten(), 'on its way').to.equal(false);
    done();
    expect(isWritten()).to.equal(true);
  });

  it('pass on nothing when nothing was logged, or before pm2 has written the last batch', () => {
    const { logs, batches, done } = open();
    const thread = logs.open();
    logs.pass();
    expect(batches).to.deep.equal([]);
    say(thread, '1');
    logs.pass();
    say(thread, '2');
    logs.pass();
    expect(batches).to.deep.equal(['1\n']);
    done();
    logs.pass();
    expect(batches).to.deep.equal(['1\n', '2\n']);
  });

  it('are bounded: while pm2 writes nothing, a thread has only the space of its ring', () => {
    const { logs, batches } = open();
    const thread = logs.open();
    say(thread, 'first');
    logs.pass();
    let taken = 0;
    while (say(thread, 'x'.repeat(999))) taken++;
    expect(taken).to.be.within(100, 200);
    logs.pass();
    expect(batches).to.deep.equal(['first\n']);
  });

  it('serve all threads in turn when they log more than fits into one batch', () => {
    const { logs, batches, done } = open();
    const threads = [0, 1, 2, 3, 4, 5].map(() => logs.open());
    const heard = new Set<string>();
    for (let round = 0; round < 3; round++) {
      for (const [n, thread] of threads.entries()) while (say(thread, String(n).repeat(999)));
      logs.pass();
      expect(batches.at(-1)!.length).to.be.below(512 * 1024);
      for (const line of batches.at(-1)!.split('\n')) if (line !== '') heard.add(line[0]!);
      done();
    }
    expect([...heard].sort()).to.deep.equal(['0', '1', '2', '3', '4', '5']);
  });

  it('pass on the remaining lines of a thread that has ended', () => {
    const { logs, batches } = open();
    const thread = logs.open();
    say(thread, 'last words');
    thread.close();
    logs.pass();
    expect(batches).to.deep.equal(['last words\n']);
  });

  it('close when pm2 has written all lines', async () => {
    const { logs, batches, done } = open();
    const thread = logs.open();
    say(thread, 'under way');
    logs.pass();
    say(thread, 'last');
    let isClosed = false;
    const closing = logs.close().then(() => {
      isClosed = true;
    });
    done();
    await new Promise(setImmediate);
    expect([batches, isClosed]).to.deep.equal([['under way\n', 'last\n'], false]);
    done();
    await closing;
  });

  it('continue after a batch that could not be written', () => {
    let fails = true;
    const batches: string[] = [];
    const logs = new LogBatches((text, done) => {
      if (fails) throw new Error('the channel is closed');
      batches.push(text);
      done();
    });
    opened.push(logs);
    const thread = logs.open();
    say(thread, '1');
    logs.pass();
    fails = false;
    say(thread, '2');
    logs.pass();
    expect(batches).to.deep.equal(['2\n']);
  });

  it('continue with one batch a second, without losing lines, when pm2 never reports a batch as written', () => {
    const batches: string[] = [];
    let now = 0;
    const logs = new LogBatches(
      (text) => batches.push(text),
      () => now,
    );
    opened.push(logs);
    const writer = new RingWriter(logs.open().memory);
    const lines = Array.from({ length: 100 }, (_, n) => `${n}\n`);
    for (const line of lines) {
      writer.push(Buffer.from(line));
      now += DONE_WITHIN_MS / 10;
      logs.pass();
    }
    expect(batches).to.have.length.within(lines.length / 10, lines.length / 10 + 1);
    now += DONE_WITHIN_MS;
    logs.pass();
    expect(batches.join('')).to.equal(lines.join(''));
  });

  it('do not mistake a late report for that of the current batch', () => {
    const undone: (() => void)[] = [];
    let now = 0;
    const logs = new LogBatches(
      (_text, done) => undone.push(done),
      () => now,
    );
    opened.push(logs);
    const thread = logs.open();
    const pass = (): number => {
      say(thread, 'line');
      logs.pass();
      return undone.length;
    };
    expect(pass()).to.equal(1);
    now = DONE_WITHIN_MS;
    expect(pass()).to.equal(2);
    undone[0]!();
    expect(pass()).to.equal(2);
    undone[1]!();
    expect(pass()).to.equal(3);
  });

  it('write all remaining lines at the end of the process, whether or not pm2 has written the last batch', () => {
    const { logs, batches } = open();
    const thread = logs.open();
    say(thread, 'under way');
    logs.pass();
    say(thread, 'last');
    logs.flush();
    expect(batches).to.deep.equal(['under way\n', 'last\n']);
  });
});
