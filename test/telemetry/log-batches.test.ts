import { expect } from 'chai';
import { RingWriter } from '#src/memory/line-ring.js';
import { BATCH_EVERY_MS, DONE_WITHIN_MS, LogBatches, type ThreadLog } from '#src/telemetry/log-batches.js';

/** pm2 as it takes batches: each is done when the test says so. */
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

describe('telemetry/log-batches', () => {
  const opened: LogBatches[] = [];
  const open = (): ReturnType<typeof pm2> => {
    const one = pm2();
    opened.push(one.logs);
    return one;
  };
  afterEach(() => {
    for (const logs of opened.splice(0)) void logs.close();
  });

  it('passes on what all threads have logged as one, at most 20 times a second', () => {
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

  it('passes nothing on when nothing was logged, or before pm2 is done with the last batch', () => {
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

  it('is bounded: a thread has no more room than its ring while pm2 takes nothing', () => {
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

  it('gives every thread its turn when they log more than goes into one batch', () => {
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

  it('passes on what a thread has left that is gone', () => {
    const { logs, batches } = open();
    const thread = logs.open();
    say(thread, 'last words');
    thread.close();
    logs.pass();
    expect(batches).to.deep.equal(['last words\n']);
  });

  it('closes when pm2 is done with all that was logged', async () => {
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

  it('goes on behind a batch that could not be written', () => {
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

  it('goes on when pm2 never says that it is done: with one batch a second, and loses no line', () => {
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

  it('takes a batch that is done late for no other one', () => {
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

  it('writes at the very end what is left, whether or not pm2 is done', () => {
    const { logs, batches } = open();
    const thread = logs.open();
    say(thread, 'under way');
    logs.pass();
    say(thread, 'last');
    logs.flush();
    expect(batches).to.deep.equal(['under way\n', 'last\n']);
  });
});
