import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import type { AdminRoute } from '#src/admin/admin-route.js';
import type { ClosedReason } from '#src/admin/server.js';
import { get } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { closePlanes, type Plane, plane } from './admin-fixture.js';

const livez: AdminRoute = {
  method: 'GET',
  path: '/livez',
  access: 'open',
  handler: () => ({ status: 200, json: 'live' }),
};
const echo: AdminRoute = {
  method: 'PUT',
  path: '/echo',
  handler: ({ body }) => ({ status: 200, json: { body } }),
};

const SLOW = { headersMs: 60_000, requestMs: 60_000 };

describe('connections to the admin plane without a complete request header', () => {
  const sockets: Socket[] = [];

  /** Opens connections one after the other; each sends these bytes and no more. */
  async function halfOpen(
    { port }: Plane,
    count: number,
    bytes = 'GET /livez HTTP/1.1\r\nHost: l',
  ): Promise<void> {
    for (let made = 0; made < count; made += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined); // it is reset when it is closed for another one
      sockets.push(socket);
      await once(socket, 'connect');
      socket.write(bytes);
    }
  }

  const counted = (): { closed: (reason: ClosedReason) => void; of: (reason: ClosedReason) => number } => {
    const reasons: ClosedReason[] = [];
    return {
      closed: (reason) => reasons.push(reason),
      of: (reason) => reasons.filter((one) => one === reason).length,
    };
  };

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await closePlanes();
  });

  it('do not block a probe, however many there are', async () => {
    const one = await plane([livez]);
    await halfOpen(one, 700);
    expect((await get(`${one.url}/livez`)).status).to.equal(200);
  });

  it('are closed for new ones above the limit, the oldest first, and are counted', async () => {
    const { closed, of } = counted();
    const one = await plane([livez], { closed, limits: { arrivals: () => 10, ...SLOW } });
    await halfOpen(one, 40);
    await until(
      () => of('evicted'),
      (evicted) => evicted === 30,
    );
    await until(
      () => sockets.filter(({ destroyed }) => destroyed).length,
      (ended) => ended === 30,
    );
    expect(sockets.map(({ destroyed }) => destroyed)).to.deep.equal(
      Array.from({ length: 40 }, (_, index) => index < 30),
    );
    expect((await get(`${one.url}/livez`)).status).to.equal(200);
  });

  it('are also closed when they are few but each holds much of a header', async () => {
    const { closed, of } = counted();
    const one = await plane([livez], { closed, limits: { ...SLOW } });
    await halfOpen(one, 700, `GET /livez HTTP/1.1\r\nX: ${'x'.repeat(15_000)}`);
    await until(
      () => of('evicted'),
      (evicted) => evicted > 0,
    );
    expect((await get(`${one.url}/livez`)).status).to.equal(200);
  });

  it('end after the time for a header, whether they have sent nothing or a byte now and then', async () => {
    const { closed, of } = counted();
    const one = await plane([livez], { closed, limits: { headersMs: 100 } });
    for (const bytes of ['', 'GET /livez HTTP/1.1\r\nX: ']) {
      const wire = await Wire.open(one.url);
      wire.write(bytes);
      const drip = setInterval(() => wire.write('x'), 10);
      await expectProblem(await wire.response(), 408, 'BODY_TIMEOUT');
      clearInterval(drip);
      await wire.closed();
    }
    expect(of('header_timeout')).to.equal(2);
    await halfOpen(one, 300);
    await until(
      () => of('header_timeout'),
      (ended) => ended === 302,
    );
  });

  it('do not delay the closing of the server', async () => {
    const one = await plane([livez], { limits: { ...SLOW, closeMs: 60_000 } });
    await halfOpen(one, 5);
    await one.close();
    await until(
      () => sockets.every(({ destroyed }) => destroyed),
      (ended) => ended,
    );
  });

  it('are answered after the closing when their request came during a pause of the process', async () => {
    const one = await plane([livez], { limits: { ...SLOW, closeMs: 60_000 } });
    const wire = await Wire.open(one.url);
    await halfOpen(one, 1);
    const closed = one.close();
    wire.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    // Longer than the time that clients have: its timer is due when the loop goes on.
    const end = performance.now() + 200;
    while (performance.now() < end);
    expect((await wire.response())?.status).to.be.a('number');
    wire.destroy();
    await closed;
  });

  it('are answered the same, wherever the bytes of their header are split', async () => {
    const { url } = await plane([livez, echo]);
    const body = JSON.stringify({ text: 'äöü' });
    const length = Buffer.byteLength(body);
    const requests = [
      'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
      `PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n${body}`,
      `\r\nPUT /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      'NONSENSE\r\n\r\n',
      '\x16\x03\x01 a client that speaks TLS\r\n\r\n',
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(16_000)}\r\n\r\n`,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
    ].map((text) => Buffer.from(text));
    const send = async (pieces: readonly Buffer[]): Promise<unknown> => {
      const wire = await Wire.open(url);
      for (const piece of pieces) {
        wire.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const answer = await wire.response();
      wire.destroy();
      return { status: answer?.status, body: answer?.status === 200 ? String(answer.body) : undefined };
    };
    const whole = await Promise.all(requests.map((request) => send([request])));
    expect(whole.map((answer) => (answer as { status: number }).status)).to.deep.equal([
      200, 200, 411, 400, 400, 200, 431,
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(requests.length - 1),
        fc.array(fc.nat(17_100), { minLength: 1, maxLength: 5 }),
        async (index, cuts) => {
          const request = requests[index]!;
          const at = [0, ...cuts.map((cut) => cut % request.length).sort((a, b) => a - b), request.length];
          const pieces = at.slice(1).map((end, piece) => request.subarray(at[piece], end));
          expect(await send(pieces)).to.deep.equal(whole[index]);
        },
      ),
    );
  });
});
