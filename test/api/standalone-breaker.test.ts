import { once } from 'node:events';
import { threadId, Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createBreaker, type StandaloneBreaker, UnavailableError } from 'multilane';
import { until } from '#test/support/until.js';
import { type Order, SETTINGS, type Told } from './breaker-orders.js';

class Thread {
  readonly worker: Worker;
  /** The thread's id, which the Worker loses when it ends. */
  readonly id: number;

  constructor(memory: SharedArrayBuffer) {
    this.worker = new Worker(new URL('./standalone-breaker-thread.js', import.meta.url), {
      workerData: memory,
    });
    this.id = this.worker.threadId;
  }

  async told(): Promise<Told> {
    const [told] = await once(this.worker, 'message');
    return told as Told;
  }

  order(order: Order): Promise<Told> {
    const told = this.told();
    this.worker.postMessage(order);
    return told;
  }
}

const down = (): Promise<never> => Promise.reject(new Error('down'));
const errorOf = async (run: Promise<unknown>): Promise<Error> =>
  run.then(
    () => expect.fail('it has not failed'),
    (error: unknown) => error as Error,
  );

async function open(breaker: StandaloneBreaker): Promise<void> {
  for (let n = 0; n < SETTINGS.minimumCalls; n++) await errorOf(breaker.run(down));
  expect(breaker.state.state).to.equal('open');
}

describe('createBreaker', () => {
  it('refuses calls while it is open, with the time to retry after', async () => {
    const seen: string[] = [];
    const breaker = createBreaker({ minimumCalls: 3, name: 'mail', onChange: (to) => seen.push(to) });
    expect(await breaker.run(() => 7)).to.equal(7);
    for (let n = 0; n < 2; n++) expect((await errorOf(breaker.run(down))).message).to.equal('down');
    const error = await errorOf(breaker.run(() => expect.fail('the work was done')));
    expect(error).to.be.instanceOf(UnavailableError);
    expect(error).to.deep.include({ code: 'BREAKER_OPEN', headers: { 'retry-after': '5' } });
    expect(error.message).to.equal('The breaker "mail" is open.');
    expect(seen).to.deep.equal(['open']);
    breaker.force('closed');
    expect(await breaker.run(() => 8)).to.equal(8);
    breaker.force('auto');
    expect(breaker.state).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
  });

  it('becomes half-open within an hour of its time, even without calls', async () => {
    const { setInterval } = globalThis;
    const timers: { readonly ms: number | undefined; readonly turn: () => void }[] = [];
    const seen: string[] = [];
    let breaker: StandaloneBreaker;
    globalThis.setInterval = ((turn: () => void, ms?: number) => {
      timers.push({ ms, turn });
      return setInterval(turn, ms);
    }) as typeof setInterval;
    try {
      breaker = createBreaker({ minimumCalls: 1, openMs: 100, onChange: (to) => seen.push(to) });
    } finally {
      globalThis.setInterval = setInterval;
    }
    await errorOf(breaker.run(down));
    const hourly = timers.filter(({ ms }) => ms === 3_600_000);
    expect(hourly).to.have.length(1);
    await until(
      () => {
        hourly[0]!.turn();
        return seen;
      },
      (all) => all.length > 1,
    );
    expect(seen).to.deep.equal(['open', 'half-open']);
    expect(breaker.state.state).to.equal('half-open');
  });

  describe('in two threads', () => {
    let breaker: StandaloneBreaker;
    let threads: readonly [Thread, Thread];
    beforeEach(async () => {
      breaker = createBreaker(SETTINGS);
      threads = [new Thread(breaker.memory), new Thread(breaker.memory)];
      await Promise.all(threads.map((thread) => thread.told()));
    });
    afterEach(() => Promise.all(threads.map(({ worker }) => worker.terminate())));

    it('opens after the configured number of failures of both threads together', async () => {
      const codes: string[] = [];
      for (let n = 0; n <= SETTINGS.minimumCalls; n++) {
        codes.push((await threads[n % 2]!.order('fail')).code!);
        if (n + 1 < SETTINGS.minimumCalls) expect(breaker.state.state).to.equal('closed');
      }
      expect(codes.slice(0, -1)).to.deep.equal(Array(SETTINGS.minimumCalls).fill('Error: down'));
      expect(codes.at(-1)).to.equal('BREAKER_OPEN');
    });

    it('admits exactly three probes, and releases those of a thread that has died', async () => {
      await open(breaker);
      await until(
        () => breaker.state.state,
        (state) => state === 'half-open',
      );
      const told = await Promise.all(threads.map((thread) => thread.order('hold')));
      const held = told.map((one) => one.held!);
      expect(held[0]! + held[1]!).to.equal(3);
      expect(breaker.state).to.include({ state: 'half-open', taken: 3, succeeded: 0 });
      const dies = held[0]! > 0 ? 0 : 1;
      const [dying, living, lost] = [threads[dies], threads[1 - dies]!, held[dies]!];
      await dying.worker.terminate();
      expect(breaker.reclaim(dying.id)).to.equal(true);
      expect(breaker.reclaim(dying.id)).to.equal(false);
      expect(breaker.state).to.include({ taken: 3 - lost });
      await living.order('release');
      for (let n = 0; n < lost; n++) await breaker.run(() => undefined);
      expect(breaker.state.state).to.equal('closed');
    });
  });

  it('has slots for a number of threads, and for another one when an ended thread is reclaimed', async () => {
    const breaker = createBreaker({ ...SETTINGS, threads: 2 });
    const first = new Thread(breaker.memory);
    await first.told();
    const [error] = await once(new Thread(breaker.memory).worker, 'error');
    expect((error as Error).message).to.include('2 threads use this memory');
    expect(() => breaker.reclaim(threadId)).to.throw(RangeError);
    await first.worker.terminate();
    expect(() => breaker.reclaim(first.worker.threadId)).to.throw(RangeError, '-1 is no');
    breaker.reclaim(first.id);
    const next = new Thread(breaker.memory);
    await next.told();
    await next.worker.terminate();
  });

  it('refuses bad options, options that differ from those in its memory, and memory of another kind', () => {
    const { memory } = createBreaker(SETTINGS);
    expect(() => createBreaker({ probes: 16 })).to.throw(TypeError, 'createBreaker: probes');
    expect(() => createBreaker({ threads: 0 })).to.throw(RangeError, 'threads');
    expect(() => createBreaker({ ...SETTINGS, openMs: 101, memory })).to.throw(TypeError, 'other options');
    expect(() => createBreaker({ memory: new SharedArrayBuffer(4096) })).to.throw(Error, 'memory');
  });
});
