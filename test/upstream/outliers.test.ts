// What counts for ejection only in comparison with other instances: calls that were ended before there was a
// response, and responses that are too large.
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { runInScope } from '#src/scope.js';
import type { CallOptions } from '#src/upstream/call.js';
import type { Received } from '#src/upstream/transport.js';
import { OversizedError, OversizedHeaderError } from '#src/upstream/transport-errors.js';
import { type Respond, scopeOf, setUp } from './call-kit.js';
import { endpoint, jsonResponse } from './endpoints.js';

const three = ['a', 'b', 'c'].map((id, index) => endpoint(id, { slot: index + 1 }));

/** How callers end their calls after `ms`, whatever their own deadline is. */
type Patience = (call: ReturnType<typeof setUp>['call'], ms: number, signal: AbortSignal) => Promise<unknown>;

const PATIENCE: Readonly<Record<string, Patience>> = {
  'AbortSignal.timeout': (call, _ms, signal) => call('orders').get('/x', { signal }),
  'a shortened deadline': (call, _ms, signal) => {
    const deadline = Deadline.allowed(performance.now(), 5_000, 30_000);
    return runInScope(scopeOf({ deadline, signal }), () => call('orders').get('/x'));
  },
};

/** Instances that respond after some time by the clock of calls; undefined: never. */
function world(
  timeOf: (id: string, n: number) => number | undefined,
  patienceMs: number,
  patience: Patience,
) {
  let controller = new AbortController();
  let n = 0;
  const made = setUp(three, ({ id }, { signal }): Promise<Received> => {
    const ms = timeOf(id, n);
    if (ms !== undefined && ms <= patienceMs) {
      made.time.now += ms;
      return Promise.resolve(jsonResponse(200));
    }
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      made.time.now += patienceMs;
      controller.abort(new DOMException('timeout', 'TimeoutError'));
    });
  });
  const run = async (calls: number) => {
    for (const end = n + calls; n < end; n++) {
      controller = new AbortController();
      await patience(made.call, patienceMs, controller.signal).catch(() => undefined);
      made.time.now += 5;
    }
    return made.ids();
  };
  return { ...made, run };
}

const count = (ids: string, id: string): number => ids.split(id).length - 1;

describe('an instance that does not respond for as long as its callers wait', () => {
  for (const [who, patience] of Object.entries(PATIENCE)) {
    it(`is ejected when the others need less time, with callers who have ${who}`, async () => {
      const { run, breaker } = world((id) => (id === 'a' ? undefined : 5), 300, patience);
      const ids = await run(90);
      expect(count(ids, 'a')).to.be.within(5, 8);
      expect(breaker.state(1).state).to.equal('closed');
    });

    it(`is not ejected when all hang, or begin to, with callers who have ${who}`, async () => {
      for (const good of [0, 60]) {
        const { run } = world((_id, n) => (n < good ? 5 : undefined), 300, patience);
        const ids = await run(good + 90);
        for (const { id } of three) expect(count(ids.slice(good), id), ids).to.equal(30);
      }
    });

    it(`is not ejected when all are slower than callers wait, now and then or mostly, ${who}`, async () => {
      for (const each of [2, 3, 5]) {
        // Round-robin would show each instance the same requests again and again.
        const { run } = world((_id, n) => (((n * 7919) % 31) % each === 0 ? 5 : 2_000), 300, patience);
        const ids = await run(300);
        for (const { id } of three) expect(count(ids, id), ids).to.equal(100);
      }
    });

    it(`is not ejected by callers who leave sooner than others respond, ${who}`, async () => {
      const { run } = world((_id, n) => (n < 30 ? 5 : undefined), 9, patience);
      const ids = await run(120);
      for (const { id } of three) expect(count(ids, id)).to.equal(40);
    });
  }

  it('is known to need at least that time', async () => {
    const { run, load } = world((id) => (id === 'a' ? undefined : 5), 300, PATIENCE['AbortSignal.timeout']!);
    await run(3);
    expect(load.latency(1)).to.equal(300_000);
    expect(load.look(1, 0).latency).to.equal(300_000);
    load.unanswered(1, 1_000);
    expect(load.latency(1)).to.equal(300_000);
  });
});

describe('an instance that alone has the work of a key', () => {
  const [release, other] = [{ version: '2' }, { version: '1' }];
  const six = Array.from({ length: 6 }, (_, at) =>
    endpoint(`${at}`, { slot: at + 1, ...(at < 3 ? release : other) }),
  );
  /** The ends of calls that others decide about. */
  const ends: Readonly<Record<string, Respond>> = {
    'callers that leave': () => Promise.reject(new Error('left')),
    'responses that are too large': () => Promise.reject(new OversizedError('too long')),
  };
  /** Makes light calls, and then heavy ones that end so. @returns the instances of later calls */
  async function calledAfter(
    heavy: Respond,
    options: CallOptions,
    light: CallOptions = {},
  ): Promise<Set<string>> {
    let controller = new AbortController();
    const made = setUp(six, (to, request): Received | Promise<Received> => {
      made.time.now += 5;
      if (request.path === '/light') return jsonResponse(200);
      made.time.now += 300;
      const end = heavy(to, request);
      controller.abort(new Error('left'));
      return end;
    });
    const { call, sent } = made;
    for (let n = 0; n < 30; n++) await call('orders').get('/light', light);
    for (let n = 0; n < 60; n++) {
      controller = new AbortController();
      const { signal } = controller;
      await call('orders')
        .get('/heavy', { ...options, signal })
        .catch(() => undefined);
    }
    sent.length = 0;
    for (let n = 0; n < 30; n++) await call('orders').get('/light');
    return new Set(sent.map(({ id }) => id));
  }

  for (const [what, heavy] of Object.entries(ends)) {
    it(`is not ejected for ${what}, of one key or of several`, async () => {
      for (const keys of [['one'], ['a', 'b', 'c']])
        for (const hashKey of keys) expect((await calledAfter(heavy, { hashKey })).size).to.equal(6);
    });

    it(`is not ejected with others of its release for ${what}, when another release does better`, async () => {
      expect((await calledAfter(heavy, release, other)).size).to.equal(6);
    });
  }

  it('is ejected, as any other, when the rest of its release does better', async () => {
    const alone: Respond = ({ id }) =>
      id === '0' ? Promise.reject(new OversizedError('x')) : jsonResponse(200);
    expect([...(await calledAfter(alone, release))].sort().join('')).to.equal('12345');
  });
});

describe('a response that is larger than is accepted', () => {
  const large = () => Promise.reject(new OversizedError('too long'));
  const largeHeader = () => Promise.reject(new OversizedHeaderError('too long'));
  const run = async (respond: Respond, method = 'GET', calls = 90) => {
    const made = setUp(three, respond);
    let failed = 0;
    for (let n = 0; n < calls; n++)
      await made
        .call('orders')
        .request(method, '/x')
        .catch((error: unknown) => {
          expect(error).to.be.instanceOf(HttpError);
          failed++;
        });
    return { ids: made.ids(), failed, breakers: three.map(({ slot }) => made.breaker.state(slot).state) };
  };

  it('ejects an instance that alone sends such ones, whose breaker stays closed', async () => {
    for (const one of [large, largeHeader]) {
      const { ids, breakers } = await run(({ id }) => (id === 'b' ? one() : jsonResponse(200)), 'POST');
      expect(count(ids, 'b')).to.be.within(5, 6);
      expect(breakers).to.deep.equal(['closed', 'closed', 'closed']);
    }
  });

  it('ejects none and opens no breaker when others send such ones as well, always or often', async () => {
    for (const one of [large, largeHeader]) {
      for (const each of [1, 2, 5]) {
        let n = 0;
        const often = () => (((n++ * 7919) % 31) % each === 0 ? one() : jsonResponse(200));
        const { ids, breakers } = await run(often, 'POST', 300);
        for (const { id } of three) expect(count(ids, id)).to.equal(100);
        expect(breakers).to.deep.equal(['closed', 'closed', 'closed']);
      }
    }
  });

  it('is requested again from another instance only where its header alone is too large', async () => {
    const once = (one: () => Promise<Received>): Respond => {
      let n = 0;
      return () => (n++ === 0 ? one() : jsonResponse(200));
    };
    expect(await run(once(largeHeader), 'GET', 1)).to.include({ failed: 0 });
    expect(await run(once(largeHeader), 'POST', 1)).to.include({ failed: 1 });
    expect(await run(once(large), 'GET', 1)).to.include({ failed: 1 });
  });
});
