// A body that is read when the response to its request is complete: by an application that responds first.
import { expect } from 'chai';
import { BODY_IDLE_MS } from '#src/server/body/body.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch, ManualTicker, settled } from './kit.js';

const LIMIT = 300_000;

type Saved = { readonly text: string } | { readonly error: { code?: string; name: string } };
/** Reads the body beside the response. */
type Read = (request: Request) => Promise<string>;

async function looped(body: ReadableStream<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) {
    await settled();
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

const READS: Readonly<Record<string, Read>> = {
  'text()': (request) => request.text(),
  'json()': async (request) => JSON.stringify(await request.json()),
  'blob()': async (request) => await (await request.blob()).text(),
  'a clone': (request) => request.clone().text(),
  'a copy': (request) => new Request(request).text(),
  'a loop over its stream': (request) => looped(request.body!),
};

/** Responses that are complete before the body has arrived. */
const RESPONSES: Readonly<Record<string, () => Response | Promise<Response>>> = {
  'at once': () => new Response('ok'),
  later: async () => {
    await settled();
    return new Response('ok');
  },
  'as a stream': () => new Response(new Blob(['ok']).stream()),
  'without a body': () => new Response(null, { status: 204 }),
};

const BODY = JSON.stringify({ text: 'x'.repeat(50) });
const HALF = BODY.length / 2;

onCores('a body that is read beside the response', (core) => {
  let saved: ReturnType<typeof latch<Saved>>;
  let responded: ReturnType<typeof latch<void>>;

  const serving = (
    respond: () => Response | Promise<Response>,
    read: Read,
    options: Parameters<typeof bench>[1] = {},
  ): Bench => {
    saved = latch<Saved>();
    responded = latch();
    return bench((app) => {
      app.hook('onResponse', () => responded.open());
      app.mount('/a', { bodyLimit: LIMIT }, (request) => {
        read(request).then(
          (text) => saved.open({ text }),
          (error: Error) => saved.open({ error }),
        );
        return respond();
      });
    }, options);
  };
  const lostOf = ({ logs }: Bench): unknown[] =>
    logs
      .filter(({ msg }) => String(msg).startsWith('a body was not read to its end'))
      .map(({ route }) => route);
  const heldOf = ({ quotas }: Bench): number => quotas.bodies.held + quotas.bodyBytes.held;

  /** Serves it over a socket, and sends half of a body, then the rest when the response is complete. */
  async function sentInHalves(world: Bench, isChunked: boolean, send: (wire: Wire) => Promise<void>) {
    const server = core.serverOf(world.app);
    try {
      const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
      const wire = await Wire.open(url);
      const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${BODY.length}`;
      wire.write(`POST /a HTTP/1.1\r\nHost: x\r\n${length}\r\n\r\n`);
      await send(wire);
      wire.destroy();
      const result = await saved.opened;
      await settled();
      expect(heldOf(world)).to.equal(0);
      return result;
    } finally {
      server.close();
    }
  }
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

  for (const [how, respond] of Object.entries(RESPONSES))
    for (const [what, read] of Object.entries(READS))
      it(`is read to its end by ${what}, responding ${how}, whatever its framing`, async () => {
        for (const isChunked of [false, true]) {
          const world = serving(respond, read);
          const result = await sentInHalves(world, isChunked, async (wire) => {
            await responded.opened.catch(() => {});
            const [first, rest] = [BODY.slice(0, HALF), BODY.slice(HALF)];
            wire.write(isChunked ? chunk(first) : first);
            await settled();
            wire.write(isChunked ? `${chunk(rest)}0\r\n\r\n` : rest);
            expect((await wire.response())?.status).to.be.oneOf([200, 204]);
            await saved.opened;
          });
          expect(result).to.deep.equal({ text: BODY });
          expect(lostOf(world)).to.deep.equal([]);
        }
      });

  const WHOLE: Readonly<Record<string, () => Response>> = {
    'with a text': () => new Response('ok'),
    'with a large text': () => new Response('ok'.repeat(100_000)),
    'without a body': () => new Response(null, { status: 204 }),
  };
  for (const [how, respond] of Object.entries(WHOLE))
    for (const [what, read] of Object.entries(READS))
      it(`arrives in one packet with the next request, read by ${what}, responding ${how}`, async () => {
        const world = serving(respond, read);
        const request = `POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
        const server = core.serverOf(world.app);
        try {
          const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
          // A large response is not written at once, so it would not be complete before the next request.
          const count = how.includes('large') ? 1 : 10;
          wire.write(request.repeat(count));
          for (let at = 0; at < count; at++)
            expect((await wire.response())?.status, `${at}`).to.be.oneOf([200, 204]);
          expect(await saved.opened).to.deep.equal({ text: BODY });
          expect((await wire.request('GET', '/nothing'))?.status).to.equal(404);
          wire.destroy();
          await settled();
          expect([lostOf(world), heldOf(world), server.unfinished]).to.deep.equal([[], 0, 0]);
        } finally {
          server.close();
        }
      });

  it('fails at once and is logged when the response cuts the connection', async () => {
    const late = (): Response => new Response('late', { status: 408 });
    const later = async (): Promise<Response> => {
      await settled();
      return late();
    };
    for (const respond of [late, later])
      for (const read of Object.values(READS)) {
        const world = serving(respond, read);
        const result = await sentInHalves(world, false, async (wire) => {
          wire.write(BODY.slice(0, HALF));
          expect((await wire.response())?.status).to.equal(408);
          await saved.opened;
        });
        expect((result as { error: { code: string } }).error.code).to.equal('CLIENT_CLOSED');
        expect(lostOf(world)).to.deep.equal(['/a/*']);
      }
  });

  it('is logged and fails when the client leaves', async () => {
    for (const read of [READS['text()']!, READS['a loop over its stream']!]) {
      const world = serving(RESPONSES['at once']!, read);
      const result = await sentInHalves(world, false, async (wire) => {
        wire.write(BODY.slice(0, HALF));
        await wire.response();
      });
      expect((result as { error: { code: string } }).error.code).to.equal('CLIENT_CLOSED');
      expect(lostOf(world)).to.deep.equal(['/a/*']);
    }
  });

  it('is read by a client in the process as well', async () => {
    for (const read of Object.values(READS)) {
      const world = serving(RESPONSES['at once']!, read);
      async function* body(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(BODY.slice(0, HALF));
        await responded.opened;
        yield Buffer.from(BODY.slice(HALF));
      }
      await world.inject({ method: 'POST', url: '/a', body: body() });
      expect(await saved.opened).to.deep.equal({ text: BODY });
    }
  });

  describe('keeps its limits:', () => {
    const sent = async (world: Bench, pieces: () => AsyncGenerator<Uint8Array>) => {
      const asked = world.inject({ method: 'POST', url: '/a', body: pieces() });
      await asked;
      return (await saved.opened) as { error: { code: string } };
    };

    it('the largest body of the route', async () => {
      const world = serving(RESPONSES['at once']!, READS['text()']!);
      const { error } = await sent(world, async function* () {
        await responded.opened;
        for (let at = 0; at < 10; at++) yield new Uint8Array(LIMIT / 5);
      });
      expect(error.code).to.equal('BODY_TOO_LARGE');
      expect([lostOf(world), heldOf(world)]).to.deep.equal([['/a/*'], 0]);
    });

    it('the time without a byte', async () => {
      const ticker = new ManualTicker();
      const world = serving(RESPONSES['at once']!, READS['text()']!, { ticker });
      const pending = sent(world, async function* () {
        yield Buffer.from('{');
        await new Promise(() => {});
      });
      await responded.opened;
      await settled();
      ticker.advance(BODY_IDLE_MS + 2000);
      expect((await pending).error.code).to.equal('BODY_TIMEOUT');
      expect([lostOf(world), heldOf(world)]).to.deep.equal([['/a/*'], 0]);
    });

    it('the bytes of the process', async () => {
      const world = serving(RESPONSES['at once']!, READS['text()']!, {
        quotas: { bodyBytes: [50_000, 50_000] },
      });
      const { error } = await sent(world, async function* () {
        await responded.opened;
        for (let at = 0; at < 5; at++) yield new Uint8Array(50_000);
      });
      expect(error.code).to.equal('OVERLOADED');
      expect([lostOf(world), heldOf(world)]).to.deep.equal([['/a/*'], 0]);
    });

    it('a reader that takes no more of what has arrived', async () => {
      const ticker = new ManualTicker();
      let go = latch();
      const read: Read = async (request) => {
        const reader = request.body!.getReader();
        await reader.read();
        await go.opened;
        while (!(await reader.read()).done);
        return 'never';
      };
      for (const size of [1000, 100_000]) {
        go = latch();
        const world = serving(RESPONSES['at once']!, read, { ticker });
        const pending = sent(world, async function* () {
          await responded.opened;
          yield Buffer.from('first');
          for (let at = 0; at < 2; at++) yield new Uint8Array(size);
        });
        await responded.opened;
        for (let turn = 0; turn < 20; turn++) await settled();
        if (size > 50_000) expect(world.quotas.bodyBytes.held).to.be.above(0);
        ticker.advance(BODY_IDLE_MS + 2000);
        await settled();
        expect(heldOf(world)).to.equal(0);
        go.open();
        expect((await pending).error.code).to.equal('CLIENT_CLOSED');
        expect(lostOf(world)).to.deep.equal(['/a/*']);
      }
    });
  });

  it('fails and is logged when the reading begins behind the response', async () => {
    const world = serving(RESPONSES['at once']!, async (request) => {
      await responded.opened;
      await settled();
      return await request.text();
    });
    const result = await sentInHalves(world, false, async (wire) => {
      await responded.opened;
      for (let turn = 0; turn < 3; turn++) await settled();
      await wire.response();
    });
    expect((result as { error: { code: string } }).error.code).to.equal('CLIENT_CLOSED');
    expect(lostOf(world)).to.deep.equal(['/a/*']);
  });

  it('is not logged when the application gives it up itself', async () => {
    const world = serving(RESPONSES['at once']!, async (request) => {
      const reader = request.body!.getReader();
      const reading = reader.read();
      await responded.opened;
      await reader.cancel();
      return String((await reading).done);
    });
    const result = await sentInHalves(world, false, async (wire) => {
      await wire.response();
      await saved.opened;
    });
    expect(result).to.deep.equal({ text: 'true' });
    expect(lostOf(world)).to.deep.equal([]);
  });

  it('is waited for by a drain', async () => {
    const world = serving(RESPONSES['at once']!, READS['text()']!);
    const server = core.serverOf(world.app);
    try {
      const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
      wire.write(`POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n`);
      await wire.response();
      expect(server.unfinished).to.equal(1);
      wire.write(BODY);
      await saved.opened;
      await settled();
      expect(server.unfinished).to.equal(0);
      wire.destroy();
    } finally {
      server.close();
    }
  });
});
