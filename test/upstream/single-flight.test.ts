// The workers of these tests share one thread, with real claims in one block of shared memory, and real
// messages over the channels between slots.
import { expect } from 'chai';
import { type Mailbox, WorkerMail } from '#src/cluster/worker-mail.js';
import { DeadlineExceededError, HttpError, UnavailableError } from '#src/errors.js';
import { Hold, type Holds } from '#src/hold.js';
import { Block } from '#src/memory/block.js';
import { CallClaims, reclaimCalls } from '#src/memory/call-claims.js';
import { runInScope } from '#src/scope.js';
import { BufferedResponse } from '#src/upstream/buffered-response.js';
import type { CallResponse } from '#src/upstream/call.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import { readSharedCallMessage, type SharedCallMessage } from '#src/upstream/single-flight-messages.js';
import { ThreadEndsError } from '#src/upstream/transport-errors.js';
import { heldScope } from '../support/held-scope.js';
import { until } from '../support/until.js';
import { jsonResponse } from './endpoints.js';

const WORKERS = 3;
let setUps = 0;

/** One worker. The calls that it makes end when the test ends them. */
class Worker {
  readonly mail: WorkerMail;
  readonly calls: Mailbox<SharedCallMessage>;
  readonly claims: CallClaims;
  readonly singleFlight: SingleFlight;
  readonly made: {
    signal: AbortSignal;
    holds: Holds;
    end(response: CallResponse): void;
    fail(error: unknown): void;
  }[] = [];
  shared = 0;
  /** The number of `join` messages of other workers that have arrived. */
  joins = 0;
  onJoin: () => void = () => undefined;

  /** @param before slots of other blocks of this test: their channels have other names */
  constructor(block: Block, before: number, slot: number) {
    this.mail = new WorkerMail(before + slot, before + WORKERS, (error) => {
      throw error;
    });
    this.calls = this.mail.box('calls', readSharedCallMessage);
    this.claims = new CallClaims(block, slot);
    this.singleFlight = new SingleFlight(this.claims, {
      send: (to, message) => this.calls.send(before + to, message),
      receive: (deliver) =>
        this.calls.receive((from, message) => {
          deliver(from - before, message);
          if (message.kind !== 'join') return;
          this.joins++;
          this.onJoin();
        }),
    });
  }

  get(signal = new AbortController().signal, key = 'key'): Promise<CallResponse> {
    const perform = (whole: AbortSignal, holds: Holds) =>
      new Promise<CallResponse>((end, fail) => {
        this.made.push({ signal: whole, holds, end, fail });
        whole.addEventListener('abort', () => fail(whole.reason), { once: true });
      });
    return this.singleFlight.run(key, perform, signal, () => void this.shared++);
  }
}

function setUp() {
  const block = Block.create({ workers: WORKERS });
  const before = WORKERS * setUps++;
  const workers = [1, 2, 3].map((slot) => new Worker(block, before, slot));
  const [one, two, three] = workers as [Worker, Worker, Worker];
  const made = (): number => workers.reduce((sum, worker) => sum + worker.made.length, 0);
  /** Resolves when this many `join` messages have arrived at the worker that makes the call. */
  const asked = (worker: Worker, questions: number) =>
    until(
      () => worker.joins,
      (count) => count >= questions,
    );
  const close = (): void => {
    for (const { mail } of workers) mail.close();
  };
  return { block, one, two, three, made, asked, close };
}

const textOf = async (response: Promise<CallResponse>): Promise<string> => (await response).text();
const codeOf = (response: Promise<CallResponse>): Promise<unknown> =>
  response.then(
    () => 'answered',
    (error: unknown) => (error as { code?: string }).code ?? error,
  );
const some = (n: number, worker: Worker): Promise<CallResponse>[] =>
  Array.from({ length: n }, () => worker.get());

describe('a shared call', () => {
  let bench: ReturnType<typeof setUp>;
  beforeEach(() => {
    bench = setUp();
  });
  afterEach(() => bench.close());

  it('is made once for all callers in all workers, and each gets a response of its own', async () => {
    const { one, two, three, made, asked } = bench;
    const waiting = [...some(5, one)];
    await until(made, (count) => count === 1);
    waiting.push(...some(5, two), ...some(5, three));
    await asked(one, 2);
    expect(made()).to.equal(1);
    one.made[0]!.end(new BufferedResponse(200, { 'x-of': 'one' }, Buffer.from('{"a":1}')));
    const answers = await Promise.all(waiting);
    for (const { status, headers } of answers) expect([status, headers['x-of']]).to.deep.equal([200, 'one']);
    for (const response of [answers[0]!, answers[14]!]) {
      response.json<{ a: number }>().a = 2;
      response.bytes().fill(0);
      (response.headers as Record<string, string>)['x-of'] = 'mine';
    }
    for (const response of answers) expect(response.json()).to.deep.equal({ a: 1 });
    expect([answers[1]!.headers['x-of'], answers[13]!.headers['x-of']]).to.deep.equal(['one', 'one']);
    expect([one.shared, two.shared, three.shared]).to.deep.equal([4, 5, 5]);
  });

  it('that is cancelled and ends late does not disturb the next one', async () => {
    const { one, two, made, asked, block } = bench;
    const leaving = new AbortController();
    let endLate: (response: CallResponse) => void = () => undefined;
    const deaf = (): Promise<CallResponse> => new Promise((resolve) => (endLate = resolve));
    const first = one.singleFlight.run('key', deaf, leaving.signal, () => undefined).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    leaving.abort(new Error('left'));
    await first;
    const second = one.get();
    await until(made, (count) => count === 1);
    endLate(jsonResponse(200));
    await new Promise((resolve) => setImmediate(resolve));
    const third = two.get();
    await asked(one, 1);
    one.made[0]!.end(jsonResponse(200, { of: 'second' }));
    expect([await textOf(second), await textOf(third)]).to.deep.equal(['{"of":"second"}', '{"of":"second"}']);
    expect(made()).to.equal(1);
    expect(new CallClaims(block, 3).claim('key')).to.equal(0);
  });

  it('reports to all callers in all workers that the callee executed nothing', async () => {
    const { one, two, asked, made } = bench;
    const first = one.get();
    await until(made, (count) => count === 1);
    const second = two.get();
    await asked(one, 1);
    const marks = { notExecuted: true, isFinal: false };
    one.made[0]!.end(new BufferedResponse(503, {}, Buffer.alloc(0), marks));
    for (const { notExecuted } of await Promise.all([first, second])) expect(notExecuted).to.equal(true);
  });

  it('is not stored: a caller that comes after the response makes a call of its own', async () => {
    const { one, two, made } = bench;
    const first = one.get();
    await until(made, (count) => count === 1);
    one.made[0]!.end(jsonResponse(200, 'first'));
    await first;
    const second = two.get();
    await until(made, (count) => count === 2);
    two.made[0]!.end(jsonResponse(200, 'second'));
    expect(await textOf(second)).to.equal('"second"');
  });

  it('is not shared with calls that have another key', async () => {
    const { one, two, made } = bench;
    const waiting = [one.get(undefined, 'a'), two.get(undefined, 'b')];
    expect(await until(made, (count) => count === 2)).to.equal(2);
    one.made[0]!.end(jsonResponse(200, 'a'));
    two.made[0]!.end(jsonResponse(200, 'b'));
    expect(await Promise.all(waiting.map(textOf))).to.deep.equal(['"a"', '"b"']);
  });

  it('continues when the caller that began it leaves, and ends when no caller waits any more', async () => {
    const { one, two, made, asked } = bench;
    const [began, joined, elsewhere] = [new AbortController(), new AbortController(), new AbortController()];
    const waiting = [one.get(began.signal), one.get(joined.signal)];
    await until(made, (count) => count === 1);
    waiting.push(two.get(elsewhere.signal));
    await asked(one, 1);
    const codes = waiting.map(codeOf);
    began.abort(new DeadlineExceededError());
    expect(await codes[0]).to.equal('DEADLINE_EXCEEDED');
    joined.abort(new Error('left'));
    await codes[1];
    const { signal } = one.made[0]!;
    expect(signal.aborted, 'a caller waits in another worker').to.equal(false);
    elsewhere.abort(new Error('left'));
    await codes[2];
    expect(await until(() => signal.aborted, Boolean)).to.equal(true);
    const later = one.get();
    await until(made, (count) => count === 2);
    one.made[1]!.end(jsonResponse(200, 'later'));
    expect(await textOf(later)).to.equal('"later"');
  });

  it('passes on an error that every caller would have got', async () => {
    const { one, two, made, asked } = bench;
    const waiting = [one.get()];
    await until(made, (count) => count === 1);
    waiting.push(two.get());
    await asked(one, 1);
    one.made[0]!.fail(new UnavailableError('BREAKER_OPEN', 'open', 7));
    const errors = await Promise.all(waiting.map((each) => each.catch((error: unknown) => error)));
    for (const error of errors) {
      expect(error).to.deep.include({ code: 'BREAKER_OPEN', status: 503, headers: { 'retry-after': '7' } });
    }
    expect(made()).to.equal(1);
  });

  it('is made again when it ended in a way that concerns only the caller that made it', async () => {
    const own = [
      new DeadlineExceededError(),
      new TypeError('a fault'),
      new ThreadEndsError(),
      new HttpError('INTERNAL', 'it is nested too deep'),
      new HttpError('MALFORMED_REQUEST', 'its fields cannot be sent'),
    ];
    for (const error of own) {
      const { one, two, made, asked, close } = setUp();
      const first = codeOf(one.get());
      await until(made, (count) => count === 1);
      const second = two.get();
      await asked(one, 1);
      one.made[0]!.fail(error);
      await first;
      expect(
        await until(
          () => two.made.length,
          (count) => count === 1,
        ),
      ).to.equal(1);
      two.made[0]!.end(jsonResponse(200, 'again'));
      expect(await textOf(second)).to.equal('"again"');
      close();
    }
  });

  it('reports a passed deadline only to the caller that made it, in any worker', async () => {
    const ends: ((made: Worker['made'][number]) => void)[] = [
      (made) => made.fail(new DeadlineExceededError()),
      (made) => made.end(jsonResponse(504, 'a callee in this process says so')),
    ];
    for (const end of ends) {
      const { one, two, made, asked, close } = setUp();
      const first = one.get().then(
        ({ status }) => status,
        (error: unknown) => (error as HttpError).status,
      );
      await until(made, (count) => count === 1);
      const waiting = [one.get(), two.get(), one.get()];
      await asked(one, 1);
      end(one.made[0]!);
      expect(await first).to.equal(504);
      await until(made, (count) => count === 2);
      await until(
        () => one.joins + two.joins,
        (count) => count === 2,
      );
      [...one.made, ...two.made].at(two.made.length > 0 ? -1 : 1)!.end(jsonResponse(200, 'again'));
      for (const text of await Promise.all(waiting.map(textOf))) expect(text).to.equal('"again"');
      expect(made()).to.equal(2);
      close();
    }
  });

  it('is made once when it ends, and the next one begins, before its response has arrived', async () => {
    const { one, two, made, asked } = bench;
    const first = one.get();
    await until(made, (count) => count === 1);
    // The call ends while the `join` message is being delivered. The next call begins after the reply was
    // sent and before it arrives.
    let next: Promise<CallResponse> | undefined;
    one.onJoin = () => {
      next ??= one.get();
    };
    const late = two.get();
    await Promise.resolve();
    one.made[0]!.end(jsonResponse(200, 'first'));
    expect(await textOf(first)).to.equal('"first"');
    await asked(one, 2);
    expect([one.made.length, two.made.length]).to.deep.equal([2, 0]);
    one.made[1]!.end(jsonResponse(200, 'next'));
    expect([await textOf(next!), await textOf(late)]).to.deep.equal(['"next"', '"next"']);
  });

  it('is made again when the worker that made it is lost', async () => {
    const { block, one, two, three, made, asked } = bench;
    const lost = one.get();
    await until(made, (count) => count === 1);
    const waiting = [two.get(), three.get(), two.get()];
    await asked(one, 2);
    // The lost worker sends nothing any more, and the primary releases its claims.
    one.mail.close();
    reclaimCalls(block, 1);
    await until(
      () => two.made.length + three.made.length,
      (count) => count >= 1,
    );
    await asked(two.made.length > 0 ? two : three, 1);
    expect(two.made.length + three.made.length).to.equal(1);
    for (const call of [...two.made, ...three.made]) call.end(jsonResponse(200, 'of another'));
    for (const text of await Promise.all(waiting.map(textOf))) expect(text).to.equal('"of another"');
    one.made[0]!.end(jsonResponse(200, 'too late'));
    expect(await textOf(lost)).to.equal('"too late"');
  });

  it('is made without a claim when another key has the claim', async () => {
    const { one, two, made } = bench;
    // As if two keys collided: the claim names worker 1, which makes no call of this key.
    one.claims.claim('key');
    const alone = two.get();
    expect(await until(made, (count) => count === 1)).to.equal(1);
    two.made[0]!.end(jsonResponse(200, 'alone'));
    expect(await textOf(alone)).to.equal('"alone"');
    expect(one.claims.isHeld('key', 1)).to.equal(true);
  });

  it('reads only complete messages of other workers', () => {
    const body = Uint8Array.of(1);
    const messages: readonly SharedCallMessage[] = [
      ...(['join', 'leave', 'gone', 'lost'] as const).map((kind) => ({ kind, key: 'k' })),
      {
        kind: 'response',
        key: 'k',
        status: 200,
        headers: { a: 'b' },
        notExecuted: false,
        isFinal: true,
        body,
      },
      { kind: 'failure', key: 'k', code: 'NO_INSTANCE', detail: 'x', headers: undefined },
    ];
    for (const message of messages) expect(readSharedCallMessage(message)).to.equal(message);
    for (const data of [undefined, null, 5, 'join', [], {}, { kind: 'join' }, { kind: 'else', key: 'k' }]) {
      expect(readSharedCallMessage(data)).to.equal(undefined);
    }
    for (const message of messages) {
      for (const name of Object.keys(message)) {
        for (const value of [null, { a: 1 }, 1.5, new Uint8Array(new SharedArrayBuffer(1))]) {
          const changed = readSharedCallMessage({ ...message, [name]: value });
          expect(changed, `${message.kind} ${name}`).to.equal(undefined);
        }
      }
    }
  });

  it('is made again by the waiting callers when a request that waits for it is interrupted', async () => {
    const { one, two, made, asked, block } = bench;
    const broken = heldScope();
    void runInScope(broken, () => one.get()).catch(() => undefined);
    await until(made, (count) => count === 1);
    const [beside, elsewhere] = [one.get(), two.get()];
    await asked(one, 1);
    const isReleased: boolean[] = [];
    class Held extends Hold {
      protected override onRelease(): void {
        isReleased.push(true);
      }
    }
    new Held().take(one.made[0]!.holds);
    broken.holds.release();
    expect(one.made[0]!.signal.aborted).to.equal(true);
    expect(isReleased, 'what the call holds').to.deep.equal([true]);
    await until(made, (count) => count === 2);
    await until(
      () => one.joins + two.joins,
      (count) => count >= 2,
    );
    (one.made[1] ?? two.made[0]!).end(jsonResponse(200, { of: 'second' }));
    expect([await textOf(beside), await textOf(elsewhere)]).to.deep.equal(
      Array.from({ length: 2 }, () => '{"of":"second"}'),
    );
    expect(made()).to.equal(2);
    expect(new CallClaims(block, 3).claim('key'), 'the claim is free').to.equal(0);
  });
});
