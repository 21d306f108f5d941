import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { InspectorError, ThreadSession } from '#src/cluster/thread-inspector.js';
import { seeded } from '#test/support/random.js';
import type { Order } from './inspected-thread.js';

/** Keeps promises alive: V8 gives up on one that is garbage-collected. */
const NEVER = { expression: 'globalThis.never ??= new Promise(() => {})', awaitPromise: true };

interface Evaluated {
  readonly result: { readonly value: unknown };
}

const failure = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof InspectorError) return error.code;
    throw error;
  }
  return 'none';
};

describe('an inspector session into a worker thread', () => {
  const threads: Worker[] = [];

  async function start(): Promise<Worker> {
    const thread = new Worker(new URL('./inspected-thread.js', import.meta.url), { name: '[worker 1]' });
    threads.push(thread);
    await once(thread, 'message');
    return thread;
  }

  async function ask(thread: Worker, order: Order): Promise<unknown> {
    thread.postMessage(order);
    return (await once(thread, 'message'))[0];
  }

  async function evaluate(session: ThreadSession, expression: string): Promise<unknown> {
    const answer = await session.post<Evaluated>('Runtime.evaluate', { expression, returnByValue: true });
    return answer.result.value;
  }

  afterEach(async () => {
    await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
  });

  it('evaluates in the requested thread, and in no other', async () => {
    const [first, second] = [await start(), await start()];
    const sessions = [first, second].map(({ threadId }) => ThreadSession.open(threadId));
    const seen = await Promise.all(
      sessions.map((session) => evaluate(session, `process.getBuiltinModule('worker_threads').threadId`)),
    );
    for (const session of sessions) session.close();
    expect(seen).to.deep.equal([first.threadId, second.threadId]);
  });

  it('does not break the timers of its own thread, whatever the replies interrupt', async function () {
    this.timeout(60_000);
    const thread = await start();
    const session = ThreadSession.open(thread.threadId);
    const random = seeded(1);
    const slowly = 'for (let end = performance.now() + 0.1; performance.now() < end; ); 1';
    for (let round = 0; round < 120; round++) {
      const replies = Array.from({ length: 100 }, () => evaluate(session, slowly));
      // The timers have different lengths, so that Node.js has lists of timers to sort.
      for (let pass = 0; pass < 12; pass++) {
        const timers = Array.from({ length: 400 }, () => setTimeout(() => {}, 1_000 + random() * 100_000));
        for (const timer of timers) clearTimeout(timer);
      }
      expect(await Promise.all(replies)).to.deep.equal(replies.map(() => 1));
    }
    session.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('opens and evaluates in a thread whose loop is stalled', async () => {
    const thread = await start();
    await ask(thread, 'loop');
    const session = ThreadSession.open(thread.threadId);
    const sum = await evaluate(session, '40 + 2');
    session.close();
    expect(sum).to.equal(42);
  });

  it('ends an endless loop, and the thread continues', async () => {
    const thread = await start();
    await ask(thread, 'loop');
    const session = ThreadSession.open(thread.threadId);
    await session.post('Runtime.terminateExecution');
    session.close();
    expect(await ask(thread, 'ping')).to.equal('pong');
  });

  it('keeps several sessions with one thread separate', async () => {
    const { threadId } = await start();
    const [one, other] = [ThreadSession.open(threadId), ThreadSession.open(threadId)];
    one.close();
    const still = await evaluate(other, '1');
    other.close();
    expect(still).to.equal(1);
  });

  it('reports that the thread has ended meanwhile', async () => {
    const thread = await start();
    await ask(thread, 'loop');
    const session = ThreadSession.open(thread.threadId);
    const waiting = failure(session.post('Runtime.evaluate', NEVER, 60_000));
    // If the thread were terminated during the evaluation, V8 would end that and continue the loop.
    await evaluate(session, '1');
    await thread.terminate();
    // V8 may still report that the evaluation was lost.
    expect(await waiting).to.be.oneOf(['THREAD_GONE', 'REFUSED']);
    await session.ended;
    expect(await failure(session.post('Runtime.enable'))).to.equal('THREAD_GONE');
    session.close();
  });

  it('does not prevent a thread from ending', async () => {
    const thread = await start();
    const session = ThreadSession.open(thread.threadId);
    await evaluate(session, '1');
    thread.postMessage('end' satisfies Order);
    await Promise.all([once(thread, 'exit'), session.ended]);
  });

  it('rejects a thread that does not exist', async () => {
    const thread = await start();
    const { threadId } = thread;
    await thread.terminate();
    for (const gone of [threadId, -1, 0]) {
      expect(() => ThreadSession.open(gone))
        .to.throw(InspectorError)
        .with.property('code', 'THREAD_GONE');
    }
  });

  it('gives up on a late reply, passes on errors of the protocol, and rejects commands once it is closed', async () => {
    const { threadId } = await start();
    const session = ThreadSession.open(threadId);
    const never = session.post('Runtime.evaluate', NEVER, 10);
    expect(await failure(never)).to.equal('NO_REPLY');
    expect(await failure(session.post('No.such'))).to.equal('REFUSED');
    const waiting = session.post('Runtime.evaluate', NEVER);
    session.close();
    expect(await failure(waiting)).to.equal('SESSION_CLOSED');
    expect(await failure(session.post('Runtime.evaluate', { expression: '1' }))).to.equal('SESSION_CLOSED');
    await session.ended;
    session.close();
  });
});
