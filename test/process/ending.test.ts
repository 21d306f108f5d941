import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { Ending, type Serving } from '#src/process/ending.js';
import { Lifecycle } from '#src/process/lifecycle.js';
import type { SignalHandlers } from '#src/process/signals.js';

const never = (): Promise<never> => new Promise(() => undefined);
const failing = (): Promise<never> => Promise.reject(new Error('this part is broken'));
const done = (): Promise<void> => Promise.resolve();

/** What each part of an end may do. */
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

  /** @param over changes to what serves; undefined: nothing serves yet */
  function setUp(
    over: Partial<Serving> | undefined,
    parts: readonly Work[] = ['done'],
    isLogBesideStderr = false,
  ) {
    const stopped: string[] = [];
    const lines: { msg: string; level: number; exitCode?: number }[] = [];
    const lifecycle = new Lifecycle(50);
    for (const [index, part] of parts.entries()) {
      lifecycle.defer(`part ${index}`, () => {
        stopped.push(`part ${index}`);
        return WORK[part]();
      });
    }
    let handlers!: SignalHandlers;
    let left = 0;
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
      isLogBesideStderr,
      log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
      exit: (code, isStuck, { leftMs }) => {
        left = leftMs;
        exited({ code, isStuck });
        return never();
      },
    });
    const serving: Serving = {
      drain: done,
      drainWithinMs: 50,
      unfinished: () => [],
      leaveNow: done,
      reload: () => undefined,
    };
    if (over !== undefined) ending.setServing({ ...serving, ...over });
    return { ending, handlers, exit, stopped, lines, lifecycle, leftMs: () => left };
  }

  for (const drain of Object.keys(WORK) as Work[]) {
    for (const part of Object.keys(WORK) as Work[]) {
      const isOrderly = drain === 'done' && part === 'done';
      it(`comes after a signal if the drain is ${drain} and the stop of a part is ${part}`, async () => {
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

  it('has exit code 70 when the process fails after its drain and the drain does not end', async () => {
    const { ending, exit } = setUp({ drain: never });
    void ending.failAfterDrain('too many threads are stalled');
    expect((await exit).code).to.equal(70);
  });

  it('has the exit code of the failure even if the workers cannot be stopped', async () => {
    for (const leaveNow of [never, failing]) {
      const { ending, exit } = setUp({ leaveNow });
      void ending.fail('the port is taken', 1);
      expect((await exit).code).to.equal(1);
    }
  });

  it('logs no error when it is at once and workers are cut, and the failure itself once', async () => {
    const { ending, exit, lines, lifecycle } = setUp({ leaveNow: never });
    lifecycle.deferBrief('record', never, 1);
    void ending.fail('a wrong route', 78);
    expect(await exit).to.deep.equal({ code: 78, isStuck: false });
    expect(lines.filter(({ level }) => level >= 50)).to.deep.equal([]);
    expect(lines.filter(({ msg }) => msg === 'a wrong route')).to.have.length(1);
  });

  it('does not log a failure that the same terminal shows on stderr', async () => {
    for (const isDraining of [false, true]) {
      const { ending, handlers, exit, lines } = setUp({ drain: () => sleep(5) }, ['done'], true);
      if (isDraining) handlers.stop('SIGTERM');
      void ending.fail('a wrong route', 78);
      expect((await exit).code).to.equal(78);
      expect(lines.filter(({ msg }) => msg === 'a wrong route')).to.deep.equal([]);
    }
  });

  it('has exit code 1 after a second signal, whatever the drain and the parts do', async () => {
    for (const part of Object.keys(WORK) as Work[]) {
      const { handlers, exit } = setUp({ drain: never, drainWithinMs: 60_000, leaveNow: never }, [part]);
      handlers.stop('SIGTERM');
      handlers.stopNow('SIGTERM');
      expect((await exit).code).to.equal(1);
    }
  });

  /** The ways in which the process can fail. */
  const FAILURES: Record<string, { readonly code: number; readonly fail: (ending: Ending) => unknown }> = {
    'UNHANDLED_REJECTION=exit': { code: 70, fail: (ending) => ending.fail('a rejection', 70) },
    'a configuration that workers refuse': { code: 78, fail: (ending) => ending.fail('refused', 78) },
    'stalled threads': { code: 70, fail: (ending) => ending.failAfterDrain('they are stalled') },
    ...Object.fromEntries(
      EVENTS.map((event) => [
        event,
        { code: 70, fail: () => process.listeners(event as 'exit').at(-1)!(new Error('internal') as never) },
      ]),
    ),
  };
  for (const [what, { code, fail }] of Object.entries(FAILURES)) {
    it(`has exit code ${code} when ${what} comes during a drain, and still drains and stops every part`, async () => {
      let drained!: () => void;
      const drain = (): Promise<void> =>
        new Promise((resolve) => {
          drained = resolve;
        });
      const { ending, handlers, exit, stopped, lines } = setUp({ drain, drainWithinMs: 60_000 });
      handlers.stop('SIGTERM');
      fail(ending);
      fail(ending); // one failure may follow another
      expect(stopped).to.deep.equal([]);
      drained();
      expect((await exit).code).to.equal(code);
      expect(stopped).to.deep.equal(['part 0']);
      expect(lines.filter((line) => 'exitCode' in line && line.exitCode === code)).to.have.length(1);
    });
  }

  it('comes before anything serves, with nothing to drain', async () => {
    for (const signal of ['stop', 'stopNow'] as const) {
      const { handlers, exit, stopped } = setUp(undefined);
      handlers[signal]('SIGTERM');
      expect(await exit).to.deep.equal({ code: signal === 'stop' ? 0 : 1, isStuck: false });
      expect(stopped).to.deep.equal(['part 0']);
    }
  });

  it('leaves the rest of its time to the exit of the process, less after a second signal', async () => {
    const one = setUp({ drainWithinMs: 60_000 });
    one.handlers.stop('SIGTERM');
    await one.exit;
    expect(one.leftMs()).to.be.above(60_000).and.at.most(63_000);
    const two = setUp({ drain: never, drainWithinMs: 60_000 });
    two.handlers.stop('SIGTERM');
    two.handlers.stopNow('SIGTERM');
    await two.exit;
    expect(two.leftMs()).to.be.above(0).and.below(2_000);
  });
});

describe('the parts of the process', () => {
  it('share one limit of time for their stop, except a part that has its own', async () => {
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
