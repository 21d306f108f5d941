// Bytes of clients that no response needs: they are not read, or not parsed.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { AdminRoute } from '#src/admin/admin-route.js';
import { expectProblem } from '#test/support/problem.js';
import { Wire } from '#test/support/wire.js';
import { closePlanes, type Plane, plane } from './admin-fixture.js';

const HOST = 'Host: localhost\r\n';
const hello: AdminRoute = { method: 'GET', path: '/hello', handler: () => ({ status: 200, text: 'hello' }) };
const live: AdminRoute = { ...hello, path: '/livez', access: 'open' };
const echo: AdminRoute = {
  method: 'PUT',
  path: '/echo',
  handler: ({ body }) => ({ status: 200, json: body }),
};

describe('a request to the admin plane that is refused', () => {
  const sockets: Socket[] = [];
  let calls = 0;
  const effect: AdminRoute = {
    method: 'PUT',
    path: '/effect',
    handler: () => {
      calls += 1;
      return { status: 204 };
    },
  };

  /**
   * Sends these bytes, and `rest` once there is a response with this status.
   * @returns all bytes that were received
   */
  async function send(
    { port }: Plane,
    first: readonly string[],
    rest: string,
    status: number,
  ): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    socket.on('error', () => undefined); // the rest may be answered with a reset
    let received = '';
    let isRefused = false;
    const closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    socket.on('data', (chunk: Buffer) => {
      received += String(chunk);
      if (isRefused || !received.includes(`HTTP/1.1 ${status} `)) return;
      isRefused = true;
      socket.end(rest);
    });
    await once(socket, 'connect');
    for (const [index, bytes] of first.entries()) {
      const before = received.length;
      socket.write(bytes);
      while (index + 1 < first.length && received.length === before) await once(socket, 'data');
    }
    await closed;
    return received;
  }

  beforeEach(() => {
    calls = 0;
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await closePlanes();
  });

  const START = `PUT /effect HTTP/1.1\r\n${HOST}`;
  const BODY = 'Content-Length: 2\r\n\r\n';
  const WHOLE = `${START}${BODY}{}`;
  for (const [what, status, first, rest] of [
    ['its header comes too late', 408, [START], `${BODY}{}`],
    [
      'the header of a later request comes too late',
      408,
      [`GET /hello HTTP/1.1\r\n${HOST}\r\n`, START],
      `${BODY}{}`,
    ],
    ['its body comes too late', 408, [`${START}${BODY}{`], '}'],
    ['it is not HTTP, and another one follows', 400, ['NONSENSE\r\n\r\n'], WHOLE],
    ['its header is too large', 431, [`${START}X: ${'x'.repeat(17_000)}`], `\r\n${BODY}{}`],
    [
      'its body is too large',
      413,
      [`${START}Content-Length: 65537\r\n\r\n`],
      `${' '.repeat(65_537)}${WHOLE}`,
    ],
    [
      'its body is chunked',
      411,
      [`${START}Transfer-Encoding: chunked\r\n\r\n`],
      `2\r\n{}\r\n0\r\n\r\n${WHOLE}`,
    ],
  ] as const) {
    it(`has no effect: ${what}`, async () => {
      const one = await plane([hello, effect], { limits: { headersMs: 100, requestMs: 200 } });
      const received = await send(one, first, rest, status);
      expect(received.match(/HTTP\/1\.1 \d+/g)?.at(-1)).to.equal(`HTTP/1.1 ${status}`);
      expect(received.toLowerCase()).to.contain('connection: close');
      expect(calls).to.equal(0);
    });
  }
});

describe('a body that the admin plane does not need', () => {
  afterEach(closePlanes);

  it('is not parsed: the response is sent at once, and closes the connection', async () => {
    const { url } = await plane([hello, live, echo], { token: 'x'.repeat(32) });
    for (const [target, status] of [
      ['GET /livez', 200],
      ['POST /livez', 405],
      ['GET /hello', 401],
      ['PUT /echo', 401],
      ['PUT /nowhere', 401],
    ] as const) {
      for (const body of [
        // The chunks are malformed: a parser that read them would respond with 400.
        'Transfer-Encoding: chunked\r\n\r\nz\r\nz\r\n',
        'Content-Length: 500000000\r\n\r\nx',
      ]) {
        const wire = await Wire.open(url);
        wire.write(`${target} HTTP/1.1\r\n${HOST}${body}`);
        const { closes, status: got } = (await wire.response())!;
        expect([got, closes], `${target} ${body}`).to.deep.equal([status, true]);
        await wire.closed();
      }
    }
  });

  it('does not stay in memory: a client that goes on sending is closed', async () => {
    const { port } = await plane([live]);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined); // it is reset in the end
    const closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    socket.write(`GET /livez HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`);
    const chunks = '1\r\na\r\n'.repeat(10_000);
    const send = (): void => {
      while (socket.writable && socket.write(chunks));
    };
    socket.on('drain', send);
    send();
    await closed;
  });

  it('ends the connection when it is HTTP/2', async () => {
    const { url } = await plane([live]);
    const wire = await Wire.open(url);
    wire.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await wire.closed();
  });
});

describe('requests on one connection to the admin plane', () => {
  afterEach(closePlanes);

  it('are answered one after the other, wherever their bytes are split', async () => {
    const { url } = await plane([hello, live, echo]);
    const put = (body: string): string =>
      `PUT /echo HTTP/1.1\r\n${HOST}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    const kinds: readonly (readonly [request: string, body: string])[] = [
      [`GET /hello HTTP/1.1\r\n${HOST}\r\n`, 'hello'],
      [`\r\n\r\nGET /livez HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, 'hello'],
      [put('"a\\r\\n\\r\\nb"'), '"a\\r\\n\\r\\nb"'],
      [put('[\r\n\r\n\r\n\r\n1]'), '[1]'],
      [put(`"${'ä'.repeat(20_000)}"`), `"${'ä'.repeat(20_000)}"`],
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        async (requests, cuts) => {
          const bytes = Buffer.from(requests.map(([request]) => request).join(''));
          const inside = cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b);
          const wire = await Wire.open(url);
          for (const [index, end] of [...inside, bytes.length].entries()) {
            wire.write(bytes.subarray(index === 0 ? 0 : inside[index - 1], end));
            await turn();
          }
          for (const [, body] of requests) expect(String((await wire.response())?.body)).to.equal(body);
          expect(wire.ended).to.equal(false);
          wire.destroy();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('with Expect get 100 Continue only when their body is read', async () => {
    const { url } = await plane([live, echo]);
    const wire = await Wire.open(url);
    const ask = (length: number): string =>
      `PUT /echo HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    wire.write(ask(3));
    expect((await wire.response())?.status).to.equal(100);
    wire.write('[1]');
    expect((await wire.response())?.status).to.equal(200);
    wire.write(ask(65_537));
    await expectProblem(await wire.response(), 413, 'BODY_TOO_LARGE');
    await wire.closed();
    const other = await Wire.open(url);
    other.write(`GET /livez HTTP/1.1\r\n${HOST}Expect: more\r\n\r\n`);
    await expectProblem(await other.response(), 400, 'MALFORMED_REQUEST');
    other.destroy();
  });
});

describe('a pause of the process', () => {
  afterEach(closePlanes);

  for (const [what, parts] of [
    ['first header', [`PUT /echo HTTP/1.1\r\n${HOST}`, 'Content-Length: 2\r\n\r\n{}']],
    ['body', [`PUT /echo HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n{`, '}']],
  ] as const) {
    it(`causes no time-out: a ${what} that arrived meanwhile is read first`, async () => {
      const { url } = await plane([hello, echo], { limits: { headersMs: 300, requestMs: 300 } });
      for (const before of ['', `GET /hello HTTP/1.1\r\n${HOST}\r\n`]) {
        const wire = await Wire.open(url);
        if (before !== '') {
          wire.write(before);
          await wire.response();
        }
        wire.write(parts[0]);
        for (let turns = 0; turns < 5; turns += 1) await turn();
        wire.write(parts[1]);
        const end = performance.now() + 700;
        while (performance.now() < end);
        expect(String((await wire.response())?.body)).to.equal('{}');
        wire.destroy();
      }
    });
  }
});
