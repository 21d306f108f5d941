import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { ServerSentEvent } from '#src/admin/admin-route.js';
import { dashboardRoutes } from '#src/admin/dashboard-files.js';
import { EventTopics, type Topic } from '#src/admin/event-topics.js';
import { WRITES_PER_TURN } from '#src/admin/write-turns.js';
import { get } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { sentEvents } from '#test/support/sent-events.js';
import { adminOf } from '../upstream/admin.js';
import { closePlanes, plane } from './admin-fixture.js';

/** A client that reads only when its test says so. */
function client(topics: EventTopics, query = '', written: () => void = () => undefined) {
  const events: ServerSentEvent[] = [];
  let resume = (): void => undefined;
  let isGone = false;
  const { ask } = adminOf([topics.route()]);
  const open = async () => {
    const { stream } = await ask('GET', `/events${query}`);
    return stream!({
      send: () => true,
      write: (bytes) => {
        events.push(...sentEvents(bytes));
        written();
        return !isGone;
      },
      isBehind: false,
      onceRead: (then) => {
        resume = then;
      },
      close: () => {
        isGone = true;
      },
    });
  };
  return { events, open, read: () => resume() };
}

/** Lets the turns pass that events of all topics take. */
async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await turn();
}

function setUp(over: Readonly<Record<string, Topic>> = {}) {
  const asked: string[] = [];
  const failures: string[] = [];
  let tick = (): void => undefined;
  let intervals = 0;
  const time = { now: 0 };
  const topics = new EventTopics({
    clock: () => time.now,
    topics: {
      overview: async (isFirst) => {
        asked.push(`overview ${isFirst}`);
        return { n: asked.length };
      },
      cpu: async () => {
        asked.push('cpu');
        return Buffer.from('{"as":"bytes"}');
      },
      ...over,
    },
    usual: ['overview'],
    failed: (topic, error) => failures.push(`${topic}: ${(error as Error).message}`),
    every: (_ms, work) => {
      intervals += 1;
      tick = work;
      return () => {
        intervals -= 1;
      };
    },
  });
  const next = async (): Promise<void> => {
    tick();
    await settled();
  };
  return { topics, asked, failures, next, time, running: () => intervals };
}

describe('the topics of events', () => {
  it('are sent at once, then each time, and computed once for all streams', async () => {
    const { topics, asked, next, running } = setUp();
    const [one, two] = [client(topics), client(topics, '?topics=overview,cpu')];
    const stops = [await one.open(), await two.open()];
    await settled();
    expect(one.events.map(({ event, data }) => `${event} ${String(data)}`)).to.deep.equal([
      'overview {"n":1}',
    ]);
    expect(two.events.map(({ event }) => event)).to.deep.equal(['overview', 'cpu']);
    expect(two.events[1]!.data).to.equal('{"as":"bytes"}');
    asked.length = 0;
    one.read();
    two.read();
    await next();
    expect(asked.sort()).to.deep.equal(['cpu', 'overview false']);
    expect([one.events.length, two.events.length]).to.deep.equal([2, 4]);
    for (const stop of stops) stop();
    expect([topics.streams, running()]).to.deep.equal([0, 0]);
  });

  it('are computed once for all streams that begin within a second', async () => {
    const { topics, asked, next, time } = setUp();
    const open = async (count: number) => {
      const clients = Array.from({ length: count }, () => client(topics));
      const stops = await Promise.all(clients.map((one) => one.open()));
      await settled();
      expect(clients.every(({ events }) => events.length === 1)).to.equal(true);
      return { clients, stops };
    };
    const first = await open(100);
    time.now = 999;
    const second = await open(1);
    expect(asked).to.deep.equal(['overview true']);
    time.now = 1_000;
    const third = await open(10);
    expect(asked).to.deep.equal(['overview true', 'overview true']);
    time.now = 3_000;
    for (const { read } of first.clients) read();
    await next();
    const fourth = await open(10);
    expect(asked.slice(2)).to.deep.equal(['overview false']);
    for (const { stops } of [first, second, third, fourth]) for (const stop of stops) stop();
    await open(1);
    expect(asked.slice(3), 'nothing is kept without a stream').to.deep.equal(['overview true']);
  });

  it('are written to a few streams in each turn of the event loop, also where many begin at once', async () => {
    const { topics, next } = setUp();
    let [now, isOver] = [0, false];
    const look = (): void => {
      now++;
      if (!isOver) setImmediate(look);
    };
    setImmediate(look);
    const writes = new Map<number, number>();
    const clients = Array.from({ length: 200 }, () =>
      client(topics, '?topics=overview,cpu', () => writes.set(now, (writes.get(now) ?? 0) + 1)),
    );
    const stops = await Promise.all(clients.map((one) => one.open()));
    const written = async (events: number): Promise<void> => {
      while (clients.some((one) => one.events.length < events)) await turn();
    };
    await written(2);
    for (const one of clients) one.read();
    await next();
    await written(4);
    isOver = true;
    // Those before the immediates of a turn, and those in them.
    expect(Math.max(...writes.values())).to.be.at.most(2 * WRITES_PER_TURN);
    expect([...writes.values()].reduce((sum, n) => sum + n, 0)).to.equal(800);
    for (const stop of stops) stop();
  });

  it('are not computed for a topic without a stream, nor for a client that does not read', async () => {
    const { topics, asked, next } = setUp();
    const slow = client(topics);
    await slow.open();
    await settled();
    asked.length = 0;
    await next();
    await next();
    expect(asked).to.deep.equal([]);
    expect(slow.events).to.have.length(1);
    slow.read();
    await next();
    expect(asked).to.deep.equal(['overview false']);
    expect(slow.events).to.have.length(2);
  });

  it('are computed by one turn at a time', async () => {
    const begun: (() => void)[] = [];
    const { topics, next } = setUp({
      overview: (isFirst) =>
        isFirst ? Promise.resolve({}) : new Promise((resolve) => begun.push(() => resolve({}))),
    });
    const one = client(topics);
    await one.open();
    await settled();
    one.read();
    await next();
    await next();
    expect(begun).to.have.length(1);
    begun[0]!();
    await settled();
    one.read();
    await next();
    expect(begun).to.have.length(2);
  });

  it('go on after one could not be computed', async () => {
    let isBroken = true;
    const { topics, failures, next } = setUp({
      overview: async () => {
        if (isBroken) throw new Error('torn');
        return {};
      },
    });
    const one = client(topics);
    await one.open();
    await settled();
    await next();
    expect(failures).to.deep.equal(['overview: torn', 'overview: torn']);
    isBroken = false;
    await next();
    expect(one.events).to.have.length(1);
  });

  it('never follow newer ones, however long the first takes', async () => {
    let end = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      end = resolve;
    });
    let begun = 0;
    const { topics, next } = setUp({
      overview: async (isFirst) => {
        const n = ++begun;
        if (isFirst) await slow;
        return { n };
      },
    });
    const one = client(topics);
    await one.open();
    await settled();
    await next();
    end();
    await settled();
    one.read();
    await next();
    expect(one.events.map(({ data }) => String(data))).to.deep.equal(['{"n":2}', '{"n":3}']);
  });

  it('are refused when they are unknown', async () => {
    const { topics } = setUp();
    const { refusalOf, ask } = adminOf([topics.route()]);
    expect((await refusalOf('GET', '/events?topics=overview,__proto__')).code).to.equal('VALIDATION_FAILED');
    expect((await ask('GET', '/events?topics=')).status).to.equal(200);
  });
});

describe('the files of the dashboard', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
  });
  afterEach(async () => {
    await closePlanes();
    rmSync(folder, { recursive: true });
  });

  it('are served to every client, which asks again each time and gets 304', async () => {
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Multilane</title>');
    writeFileSync(join(folder, 'dashboard.js'), 'let x;');
    writeFileSync(join(folder, 'dashboard.js.map'), '{}');
    const { url } = await plane(dashboardRoutes(folder), { token: 'x'.repeat(32) });
    const page = await get(`${url}/`);
    expect(page.status).to.equal(200);
    expect(page.headers.get('content-type')).to.equal('text/html; charset=utf-8');
    expect(page.headers.get('cache-control')).to.equal('no-cache');
    expect(page.headers.get('content-security-policy')).to.equal(
      "default-src 'self'; frame-ancestors 'none'",
    );
    expect(await page.text()).to.include('<title>Multilane</title>');
    const etag = page.headers.get('etag')!;
    const again = await get(`${url}/`, { 'if-none-match': `"other", W/${etag}` });
    expect([again.status, await again.text()]).to.deep.equal([304, '']);
    const script = await get(`${url}/dashboard.js`);
    expect(script.headers.get('content-type')).to.equal('text/javascript; charset=utf-8');
    const head = await fetch(`${url}/dashboard.js`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).to.deep.equal([200, '6']);
    expect((await get(`${url}/dashboard.js.map`)).status).to.equal(401);
  });

  it('are a 404 that says how to build them where they are not built', async () => {
    const { url } = await plane(dashboardRoutes(join(folder, 'absent')));
    const problem = await expectProblem(await get(`${url}/`), 404, 'NOT_FOUND');
    expect(problem.detail).to.include('npm run build');
  });
});
