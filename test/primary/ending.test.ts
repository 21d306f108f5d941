import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import type { SignalHandlers } from '#src/cluster/signals.js';
import { Ending, type Serving } from '#src/primary/ending.js';
import { Lifecycle } from '#src/primary/lifecycle.js';

const never = (): Promise<never> => new Promise(() => undefined);
const failing = (): Promise<never> => Promise.reject(new Error('this part is broken'));
const done = (): Promise<void> => Promise.resolve();

/** How each part of an end may go wrong. */
const WORK = { done, never, failing };
type Work = keyof typeof WORK;

describe('the end of the primary', () => {
  const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;
  let before: { readonly event: (typeof EVENTS)[number]; readonly listeners: readonly unknown[] }[];

  beforeEach(() => {
    before = EVENTS.map((event) => ({ event, listeners: process.listeners(event as 'exit') }));
  });
  afterEach(() => {
    for (const { event, listeners } of before) {
      for (const listener of process.listeners(event as 'exit')) {
        if (!listeners.includes(listener)) process.off(event, listener);
      }
    }
  });

  function setUp(over: Partial<Serving> = {}, parts: readonly Work[] = ['done']) {
    const stopped: string[] = [];
    const lines: { msg: string }[] = [];
    const lifecycle = new Lifecycle(50);
    for (const [index, part] of parts.entries()) {
      lifecycle.defer(`part ${index}`, () => {
        stopped.push(`part ${index}`);
        return WORK[part]();
      });
    }
    let handlers!: SignalHandlers;
    let exited!: (exit: { code: number; isStuck: boolean }) => void;
    const exit = new Promise<{ code: number; isStuck: boolean }>((resolve) => {
      exited = resolve;
    });
    const ending = new Ending({
      signals: {
        handle: (given) => {
          handlers = given;
        },
      },
      lifecycle,
      log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
      exit: (code, isStuck) => {
        exited({ code, isStuck });
        return never();
      },
    });
    ending.serves({
      drain: done,
      drainWithinMs: 50,
      unfinished: () => [],
      leaveNow: done,
      reload: () => undefined,
      ...over,
    });
    return { ending, handlers, exit, stopped, lines, lifecycle };
  }

  for (const drain of Object.keys(WORK) as Work[]) {
    for (const part of Object.keys(WORK) as Work[]) {
      const isOrderly = drain === 'done' && part === 'done';
      it(`comes when the drain is ${drain} and a part that is stopped is ${part}`, async () => {
        const { handlers, exit, stopped } = setUp({ drain: WORK[drain] }, ['done', part, 'done']);
        handlers.stop('SIGTERM');
        expect(await exit).to.deep.equal({ code: isOrderly ? 0 : 70, isStuck: part !== 'done' });
        expect(stopped).to.deep.equal(['part 2', 'part 1', 'part 0']);
      });
    }
  }

  it('is orderly when the process was paused for longer than the drain and each part may take', async () => {
    const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_200);
    const MS = 400;
    const brief = (): Promise<void> => sleep(5).then(() => sleep(5));
    const { handlers, exit, lifecycle } = setUp({ drain: brief, drainWithinMs: MS });
    const stop = (): Promise<void> => {
      setImmediate(pause);
      return brief();
    };
    lifecycle.defer('brief part', stop, MS);
    handlers.stop('SIGTERM');
    pause();
    expect(await exit).to.deep.equal({ code: 0, isStuck: false });
  });

  it('is not orderly while a thread still runs', async () => {
    const { handlers, exit } = setUp({ unfinished: () => [{ worker: 1 }] });
    handlers.stop('SIGTERM');
    expect(await exit).to.deep.equal({ code: 70, isStuck: true });
  });

  it('comes with 70 when the process gives up and the drain does not end', async () => {
    const { ending, exit } = setUp({ drain: never });
    void ending.giveUp('too many threads are stalled');
    expect((await exit).code).to.equal(70);
  });

  it('comes with the code of the failure when workers do not leave, or cannot be told', async () => {
    for (const leaveNow of [never, failing]) {
      const { ending, exit } = setUp({ leaveNow });
      void ending.fail('the port is taken', 1);
      expect((await exit).code).to.equal(1);
    }
  });

  it('comes with 1 on a second signal, whatever the drain and the parts do', async () => {
    for (const part of Object.keys(WORK) as Work[]) {
      const { handlers, exit } = setUp({ drain: never, drainWithinMs: 60_000, leaveNow: never }, [part]);
      handlers.stop('SIGTERM');
      handlers.stopNow('SIGTERM');
      expect((await exit).code).to.equal(1);
    }
  });

  it('has the code 70 when the primary fails while it drains, and still stops every part', async () => {
    let drained!: () => void;
    const drain = (): Promise<void> =>
      new Promise((resolve) => {
        drained = resolve;
      });
    const { handlers, exit, stopped, lines } = setUp({ drain, drainWithinMs: 60_000 });
    handlers.stop('SIGTERM');
    const failure = new Error('an internal failure');
    const [failed] = process.listeners('uncaughtException').slice(-1);
    failed!(failure, 'uncaughtException');
    drained();
    expect((await exit).code).to.equal(70);
    expect(stopped).to.deep.equal(['part 0']);
    expect(lines.map(({ msg }) => msg)).to.include('internal failure of the primary');
  });
});

describe('the parts of the process', () => {
  it('share a bound for stopping, except one that has its own', async () => {
    const lifecycle = new Lifecycle(20);
    const stopped: string[] = [];
    const lines: { part: string }[] = [];
    lifecycle.defer(
      'long',
      async () => {
        await sleep(100); // longer than all parts share
        stopped.push('long');
      },
      60_000,
    );
    for (const name of ['a', 'b', 'c']) {
      lifecycle.defer(name, () => {
        stopped.push(name);
        return never();
      });
    }
    const log = { error: (fields: object) => void lines.push(fields as { part: string }) };
    expect(await lifecycle.stop(log)).to.equal(false);
    expect(stopped).to.deep.equal(['c', 'b', 'a', 'long']);
    expect(lines.map(({ part }) => part)).to.deep.equal(['c', 'b', 'a']);
  });

  it('are each stopped once, and all of them when one fails', async () => {
    const lifecycle = new Lifecycle();
    const stopped: string[] = [];
    lifecycle.defer('a', () => void stopped.push('a'));
    lifecycle.defer('b', () => {
      stopped.push('b');
      throw new Error('no');
    });
    expect(await Promise.all([lifecycle.stop(undefined), lifecycle.stop(undefined)])).to.deep.equal([
      false,
      false,
    ]);
    expect(stopped).to.deep.equal(['b', 'a']);
  });
});
