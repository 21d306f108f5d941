// What streamed calls show about their instances, and when they are repeated: real sockets and real cells.
import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { until } from '#test/support/until.js';
import { failureOf, setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

const STREAM = { stream: true } as const;

describe('a streamed call', () => {
  const upstreams = new RealUpstreams();
  let http: HttpTransport;
  beforeEach(() => {
    http = new HttpTransport({ maxResponseBytes: Number.POSITIVE_INFINITY });
  });
  afterEach(async () => {
    await http.close();
    await upstreams.close();
  });

  /** Calls of instances that respond like this, one after the other. */
  async function calling(...listeners: RequestListener[]) {
    const ports: number[] = [];
    for (const listener of listeners) ports.push(await upstreams.serve(listener));
    return callingPorts(...ports);
  }
  function callingPorts(...ports: number[]) {
    const endpoints = ports.map((port, i) => endpoint(`i${i}`, { port, slot: i + 1 }));
    const ahead = { ms: 0 };
    const kit = setUp(endpoints, () => expect.fail('it was not streamed'), {
      transports: { http },
      streams: http,
      clock: () => performance.now() + ahead.ms,
    });
    return { ...kit, ahead, orders: kit.call('orders') };
  }

  const broken: RequestListener = (_request, response) => {
    response.write('half', () => response.destroy());
  };
  const whole: RequestListener = (request, response) => {
    request.resume().on('end', () => response.end('whole'));
  };
  const read = async (call: Promise<{ body: ReadableStream }>): Promise<string> =>
    new Response((await call).body).text();

  it('opens the breaker of an instance that breaks all of its bodies', async () => {
    const { orders, breaker, time } = await calling(broken);
    time.now = performance.now();
    for (let i = 0; i < 20; i++)
      expect((await failureOf(read(orders.get('/', STREAM)))).code).to.equal('BAD_UPSTREAM');
    expect(breaker.state(1).state).to.equal('open');
    expect((await failureOf(orders.get('/', STREAM))).code).to.equal('BREAKER_OPEN');
  });

  it('ejects it after five in a row', async () => {
    const { orders, observed } = await calling(broken, whole);
    const texts: string[] = [];
    for (let i = 0; i < 16; i++) texts.push(await read(orders.get('/', STREAM)).catch(() => 'broken'));
    expect(texts.filter((text) => text === 'broken').length).to.equal(5);
    expect(observed.at(-1)).to.equal('GET / i1 1 200');
  });

  it('has its outcome for a half-open breaker with the head', async () => {
    let end: () => void = () => undefined;
    const { orders, breaker, ahead } = await calling((_request, response) => {
      response.write('half');
      end = () => response.end();
    });
    for (let i = 0; i < 20; i++) breaker.settle(1, breaker.admit(1), 'failure');
    ahead.ms = 6_000;
    const opened = [];
    for (let i = 0; i < 3; i++) opened.push(await orders.get('/', STREAM));
    expect(breaker.state(1).state).to.equal('closed');
    for (const { body } of opened) await body.cancel();
    end();
    expect(breaker.state(1)).to.deep.equal({ state: 'closed', calls: 0, failures: 0 });
  });

  it('counts as load of its instance until the body has ended', async () => {
    const { orders, load } = await calling((_request, response) => void response.write('half'));
    const { body } = await orders.get('/', STREAM);
    expect(load.inFlight(1)).to.equal(1);
    await body.cancel();
    expect(load.inFlight(1)).to.equal(0);
  });

  it('holds its permit until the body has ended', async () => {
    const { orders } = await calling((_request, response) => void response.write('half'));
    const options = { ...STREAM, maxConcurrent: 1 };
    const { body } = await orders.get('/', options);
    expect((await failureOf(orders.get('/', options))).code).to.equal('OVERLOADED');
    await body.cancel();
    await (await orders.get('/', options)).body.cancel();
  });

  for (const status of [502, 503, 504]) {
    for (const framing of ['Transfer-Encoding: chunked', 'Content-Length: 5', 'Connection: close']) {
      for (const begin of ['', framing.endsWith('chunked') ? '3\r\nlat\r\n' : 'lat']) {
        it(`resolves with a head of ${status} whose body does not end: ${framing}, ${begin.length}`, async () => {
          const port = await upstreams.serveRaw((socket) => {
            socket.write(`HTTP/1.1 ${status} X\r\n${framing}\r\n\r\n${begin}`);
          });
          const { orders, load, observed } = callingPorts(port, await upstreams.serve(whole));
          const options = { ...STREAM, maxConcurrent: 1, timeoutMs: Number.POSITIVE_INFINITY };
          const { status: seen, body } = await orders.get('/', options);
          expect(seen).to.equal(status);
          expect(observed).to.deep.equal([`GET / i0 1 ${status}`]);
          const reader = body.getReader();
          if (begin !== '') expect(Buffer.from((await reader.read()).value!).toString()).to.equal('lat');
          await reader.cancel();
          expect(load.inFlight(1)).to.equal(0);
          await (await orders.get('/', options)).body.cancel();
        });
      }
    }
  }

  it('repeats a failure whose body arrives in pieces', async () => {
    const failing: RequestListener = (_request, response) => {
      response.writeHead(503).write('la', () => setImmediate(() => response.end('ter')));
    };
    const { orders, observed } = await calling(failing, whole);
    expect(await read(orders.get('/', STREAM))).to.equal('whole');
    expect(observed).to.deep.equal(['GET / i0 1 503', 'GET / i1 2 200']);
  });

  for (const options of [{}, STREAM]) {
    it(`does not wait as long as a callee asks for while it holds a permit: ${JSON.stringify(options)}`, async () => {
      let requests = 0;
      const { orders } = await calling((_request, response) => {
        if (requests++ === 0) response.writeHead(503, { 'retry-after': '1' });
        response.end();
      });
      const withPermit = { ...options, maxConcurrent: 1 };
      const call = orders.get('/', withPermit) as Promise<{ readonly status: number }>;
      expect((await call).status).to.equal(503);
      expect(requests).to.equal(1);
    });
  }

  describe('whose request is a source', () => {
    it('is repeated when no connection could be made, with the whole source', async () => {
      const bodies: string[] = [];
      const port = await upstreams.serve((request, response) => {
        let text = '';
        request.on('data', (chunk) => {
          text += String(chunk);
        });
        request.on('end', () => {
          bodies.push(text);
          response.end();
        });
      });
      const dead = await upstreams.serve(whole);
      await new Promise((resolve) => upstreams.last.close(resolve));
      for (const options of [{}, STREAM]) {
        const { orders, observed } = callingPorts(dead, port);
        const response = await orders.post('/', { body: Readable.from(['ab', 'c']), ...(options as object) });
        expect(response.status).to.equal(200);
        expect(observed).to.deep.equal(['POST / i0 1 BAD_UPSTREAM', 'POST / i1 2 200']);
      }
      expect(bodies).to.deep.equal(['abc', 'abc']);
    });

    for (const options of [{}, STREAM]) {
      it(`is not repeated once a part of it was read, and the error says so ${JSON.stringify(options)}`, async () => {
        const cutting: RequestListener = (request) => request.once('data', () => request.destroy());
        const { orders, observed } = await calling(cutting, whole);
        const body = Readable.from(['ab', 'c']);
        const error = await failureOf(orders.put('/', { body, ...(options as object) }));
        expect(error.code).to.equal('BAD_UPSTREAM');
        expect(error.message).to.include('not repeated');
        expect(observed).to.deep.equal(['PUT / i0 1 BAD_UPSTREAM']);
      });
    }

    it('counts for the instance that takes no more of it until the deadline', async () => {
      const { orders, breaker } = await calling((request) => void request.pause());
      const endless = async function* () {
        for (;;) yield Buffer.alloc(64 * 1024);
      };
      const error = await failureOf(orders.post('/', { body: endless(), timeoutMs: 1_500 }));
      expect(error.code).to.equal('DEADLINE_EXCEEDED');
      expect(breaker.state(1)).to.include({ calls: 1, failures: 1 });
    });

    it('counts for no instance when the source is slower than the deadline', async () => {
      const { orders, breaker } = await calling(whole);
      const body = new Readable({ read() {} });
      body.push('a');
      const error = await failureOf(orders.post('/', { body, timeoutMs: 50 }));
      expect(error.code).to.equal('DEADLINE_EXCEEDED');
      expect(breaker.state(1)).to.include({ calls: 0, failures: 0 });
    });

    it('releases the source when there is no instance', async () => {
      const { orders } = callingPorts();
      const body = new Readable({ read() {} });
      body.push('a');
      expect((await failureOf(orders.post('/', { body }))).code).to.equal('NO_INSTANCE');
      await until(
        () => body.destroyed,
        (destroyed) => destroyed,
      );
    });
  });
});
