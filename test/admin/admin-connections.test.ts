import { EventEmitter, once } from 'node:events';
import { expect } from 'chai';
import type { AdminRequest, AdminRoute } from '#src/admin/admin-route.js';
import type { ClosedReason } from '#src/admin/server.js';
import { telemetryRoutes } from '#src/admin/telemetry-routes.js';
import { Turns } from '#src/admin/turns.js';
import type { Exposition } from '#src/telemetry/prometheus.js';
import { get } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { Wire, type WireResponse } from '#test/support/wire.js';
import { closePlanes, plane } from './admin-fixture.js';

const PROBE = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
const livez: AdminRoute = {
  method: 'GET',
  path: '/livez',
  access: 'open',
  handler: () => ({ status: 200, json: 'live' }),
};

const HALF_A_BODY = 'PUT /put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1';
const put: AdminRoute = { method: 'PUT', path: '/put', handler: () => ({ status: 204 }) };

describe('connections to the admin plane that have sent a request', () => {
  const wires: Wire[] = [];
  const reasons: ClosedReason[] = [];
  const closed = (reason: ClosedReason): number => reasons.push(reason);

  async function send(url: string, bytes: string, count = 1): Promise<readonly Wire[]> {
    const opened: Wire[] = [];
    for (let made = 0; made < count; made += 1) {
      const wire = await Wire.open(url);
      wire.write(bytes);
      opened.push(wire);
    }
    wires.push(...opened);
    return opened;
  }

  afterEach(async () => {
    reasons.length = 0;
    for (const wire of wires.splice(0)) wire.destroy();
    await closePlanes();
  });

  it('are closed for new ones while they are idle, the longest idle first', async () => {
    const { url } = await plane([livez, put], { closed, limits: { connections: 16, keepAliveMs: 9_000 } });
    const idle: Wire[] = [];
    for (let made = 0; made < 8; made += 1) {
      const [wire] = await send(url, PROBE);
      expect((await wire!.response())?.headers.connection).to.equal('keep-alive');
      idle.push(wire!);
    }
    await send(url, HALF_A_BODY, 12);
    await Promise.all(idle.slice(0, 4).map((wire) => wire.closed()));
    expect(reasons).to.deep.equal(['evicted', 'evicted', 'evicted', 'evicted']);
    expect(idle.slice(4).map(({ ended }) => ended)).to.deep.equal([false, false, false, false]);
  });

  it('may be closed while their body is incomplete, and never while their handler runs', async () => {
    let release!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: AdminRoute = {
      method: 'GET',
      path: '/slow',
      handler: async () => {
        await released;
        return { status: 200, json: 'done' };
      },
    };
    const { url } = await plane([livez, slow, put], { closed, limits: { connections: 16 } });
    const running = await send(url, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n', 2);
    const sending = await send(url, HALF_A_BODY, 30);
    await until(
      () => reasons.length,
      (count) => count >= 16,
    );
    await Promise.all(sending.slice(0, 16).map((wire) => wire.closed()));
    expect((await get(`${url}/livez`)).status).to.equal(200);
    release();
    for (const wire of running) expect((await wire.response())?.status).to.equal(200);
  });

  it('are closed when they read nothing of a response', async () => {
    const text = 'x'.repeat(32 * 1024 * 1024);
    let seen!: (signal: AbortSignal) => void;
    const signal = new Promise<AbortSignal>((resolve) => {
      seen = resolve;
    });
    const large: AdminRoute = {
      method: 'GET',
      path: '/large',
      handler: (request) => {
        seen(request.signal);
        return { status: 200, text };
      },
    };
    const { url } = await plane([large], { limits: { sendMs: 100 } });
    const wire = await Wire.open(url);
    wires.push(wire);
    wire.pause();
    wire.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(await signal, 'abort');
  });

  it('are closed when too many bytes of responses are unread, the oldest first', async () => {
    const text = 'x'.repeat(24 * 1024 * 1024);
    const signals: AbortSignal[] = [];
    const large: AdminRoute = {
      method: 'GET',
      path: '/large',
      handler: ({ signal }) => {
        signals.push(signal);
        return { status: 200, text };
      },
    };
    const { url } = await plane([livez, large], { closed });
    for (let made = 1; made <= 6; made += 1) {
      const wire = await Wire.open(url);
      wires.push(wire);
      wire.pause();
      wire.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await until(
        () => signals.length,
        (asked) => asked === made,
      );
    }
    await until(
      () => reasons.length,
      (count) => count > 0,
    );
    expect(signals[0]!.aborted).to.equal(true);
    expect(signals[5]!.aborted).to.equal(false);
    expect((await get(`${url}/livez`)).status).to.equal(200);
  });

  it('share one body when they request a page at the same time, and none of them is closed', async () => {
    const page = Buffer.alloc(16 * 1024 * 1024, 'x');
    let waiting = 6;
    let render!: (page: Buffer) => void;
    const rendered = new Promise<Buffer>((resolve) => {
      render = resolve;
    });
    const routes = telemetryRoutes({
      exposition: { bytes: () => rendered } as unknown as Exposition,
      readiness: () => ({ ready: true, reasons: [] }),
      sources: [],
      workers: () => [],
    }).map((route) => ({
      ...route,
      handler: (request: AdminRequest) => {
        const reply = route.handler(request);
        if (--waiting === 0) render(page);
        return reply;
      },
    }));
    const { url } = await plane(routes, { closed });
    const identity = { 'accept-encoding': 'identity' };
    const bodies = await Promise.all(
      Array.from({ length: waiting }, async () => (await get(`${url}/metrics`, identity)).arrayBuffer()),
    );
    for (const body of bodies) expect(page.equals(Buffer.from(body))).to.equal(true);
    expect(reasons).to.deep.equal([]);
  });

  it('are refused a response that is larger than what all of them may leave unread', async () => {
    const text = 'x'.repeat(64 * 1024 * 1024 + 1);
    const { url } = await plane([{ ...livez, path: '/large', handler: () => ({ status: 200, text }) }]);
    await expectProblem(await get(`${url}/large`), 503, 'OVERLOADED');
  });

  it('may have event streams up to half of the limit, so that there is room for other requests', async () => {
    const events = (path: string, isForProcess: boolean): AdminRoute => ({
      method: 'GET',
      path,
      handler: () => ({ status: 200, isForProcess, stream: () => () => undefined }),
    });
    const routes = [livez, events('/events', false), events('/process', true)];
    const { url } = await plane(routes, { limits: { connections: 8 } });
    const stream = 'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n';
    await send(url, stream, 3);
    await until(
      async () => (await send(url, stream))[0]!.response(),
      (answer) => answer?.status === 503,
    );
    const [refused] = await send(url, stream);
    await expectProblem(await refused!.response(), 503, 'OVERLOADED');
    // There is room for that of a process.
    expect((await get(`${url}/process`)).status).to.equal(200);
    await expectProblem(await get(`${url}/process`), 503, 'OVERLOADED');
    expect((await get(`${url}/livez`)).status).to.equal(200);
  });

  const WAYS: Readonly<Record<string, readonly [first: string, rest: string]>> = {
    'without a body': ['', 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    'with an empty body': ['', 'PUT /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'],
    'with a body at once': ['', 'PUT /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'],
    'with a body that ends later': [
      'PUT /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{',
      '}',
    ],
    'with a body that is waited for': [
      'PUT /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
      '{}',
    ],
  };
  for (const [way, [first, rest]] of Object.entries(WAYS)) {
    it(`run a quarter of them in handlers at once, whenever their requests are complete: ${way}`, async () => {
      let running = 0;
      const releases: (() => void)[] = [];
      const handler = async () => {
        running += 1;
        await new Promise<void>((resolve) => releases.push(resolve));
        return { status: 204 };
      };
      const slow = (['GET', 'PUT'] as const).map(
        (method): AdminRoute => ({ method, path: '/slow', handler }),
      );
      const { url } = await plane([livez, ...slow], { limits: { connections: 16 } });
      const all = await send(url, first, 16);
      // When this request begins, those before it have begun as well.
      if (first !== '') await get(`${url}/nothing`);
      for (const wire of all.slice(1)) wire.write(rest);
      // No running handler has responded yet, so the first eleven responses are refusals.
      const answers: WireResponse[] = [];
      for (const wire of all.slice(1)) {
        void (async () => {
          let answer = await wire.response();
          if (answer?.status === 100) answer = await wire.response();
          if (answer !== undefined) answers.push(answer);
        })();
      }
      await until(
        () => answers.length,
        (count) => count >= 11,
      );
      expect(running).to.equal(4);
      for (const answer of answers) {
        expect(answer.headers['x-multilane-executed']).to.equal('false');
        await expectProblem(answer, 503, 'OVERLOADED');
      }
      expect((await get(`${url}/livez`)).status).to.equal(200);
      for (const release of releases) release();
    });
  }

  it('are answered one request at a time: what is pipelined begins when the response before it is sent', async () => {
    const begun: string[] = [];
    const releases: (() => void)[] = [];
    const slow: AdminRoute = {
      method: 'GET',
      path: '/slow/:number',
      handler: async ({ params }) => {
        begun.push(params.number!);
        await new Promise<void>((resolve) => releases.push(resolve));
        return { status: 200, text: params.number! };
      },
    };
    const { url } = await plane([slow]);
    const request = (number: number): string => `GET /slow/${number} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const [wire] = await send(url, [0, 1, 2].map(request).join(''));
    for (const number of [0, 1, 2]) {
      await until(
        () => begun.length,
        (count) => count > number,
      );
      expect(begun).to.have.lengthOf(number + 1);
      releases[number]!();
      expect(String((await wire!.response())?.body)).to.equal(String(number));
    }
  });
});

describe('turns of the event loop for requests', () => {
  it('let a fixed number begin in each turn, and the latest request first', async () => {
    const turns = new Turns(2);
    const begun: number[] = [];
    const enter = async (name: number): Promise<void> => {
      await turns.enter(new EventEmitter());
      begun.push(name);
    };
    const all = [1, 2, 3, 4, 5, 6].map(enter);
    await Promise.resolve();
    expect(begun).to.deep.equal([1, 2]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).to.deep.equal([1, 2, 6, 5]);
    await Promise.all(all);
    expect(begun).to.deep.equal([1, 2, 6, 5, 4, 3]);
  });

  it('are not used by requests whose connection has closed', async () => {
    const turns = new Turns(1);
    const connections = [1, 2, 3, 4].map(() => new EventEmitter());
    const begun: number[] = [];
    const all = connections.map(async (connection, index) => {
      await turns.enter(connection);
      begun.push(index);
    });
    connections[3]!.emit('close');
    connections[2]!.emit('close');
    await Promise.all([all[2], all[3]]);
    expect(begun).to.deep.equal([0, 3, 2]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).to.deep.equal([0, 3, 2, 1]);
  });

  it('let one request begin in each turn when each of them takes long', async () => {
    let now = 0;
    const turns = new Turns(4, () => now);
    const begun: number[] = [];
    const enter = async (name: number): Promise<void> => {
      await turns.enter(new EventEmitter());
      now += 20;
      begun.push(name);
    };
    const all: Promise<void>[] = [];
    for (const name of [1, 2, 3]) {
      all.push(enter(name));
      // Each request arrives in a callback of its own.
      await Promise.resolve();
    }
    expect(begun).to.deep.equal([1]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).to.deep.equal([1, 3]);
    await Promise.all(all);
    expect(begun).to.deep.equal([1, 3, 2]);
  });
});
