// Many requests in one packet: each that is executed has its response, in order. Where some are not executed,
// the last response announces the end of the connection.
import { expect } from 'chai';
import type { Application } from '#src/server/handler.js';
import { HANDSHAKE } from '#test/support/frames.js';
import type { Wire } from '#test/support/wire.js';
import { useNodeServers } from './mounted-kit.js';

const DEPTHS = [1, 16, 17, 18, 40, 100] as const;
/** Requests that may wait behind an unfinished one. */
const MOST_WAITING = 16;
const get = (path: string, ...fields: string[]): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`;

interface Kind {
  readonly path: string;
  /** Whether no request waits for a later turn; undefined where the kernel decides. */
  readonly isAtOnce: boolean | undefined;
}
const kinds: Readonly<Record<string, Kind>> = {
  'a native handler': { path: '/native', isAtOnce: true },
  'a native handler that waits': { path: '/late', isAtOnce: false },
  'a mounted application': { path: '/mounted', isAtOnce: true },
  'a mounted application that listens for the end': { path: '/mounted/heard', isAtOnce: true },
  'a mounted application that waits': { path: '/mounted/late', isAtOnce: false },
  'a mounted application with a large response': { path: '/mounted/large', isAtOnce: undefined },
};

describe('requests in one packet', () => {
  const serve = useNodeServers();
  let executed: number;
  let finished: number;
  let opened: number;

  beforeEach(() => {
    [executed, finished, opened] = [0, 0, 0];
  });

  function routes(app: Application): void {
    app.get('/native', () => String(executed++));
    app.get('/late', async () => {
      const own = executed++;
      await new Promise(setImmediate);
      return String(own);
    });
    app.get('/slow', () => {
      const until = performance.now() + 2;
      while (performance.now() < until);
      return String(executed++);
    });
    app.ws('/socket', { open: () => void opened++ });
    app.mountNode('/mounted', (request, response) => {
      const own = String(executed++);
      if (request.url === '/heard') response.on('finish', () => finished++);
      if (request.url === '/late') setImmediate(() => response.end(own));
      else response.end(request.url === '/large' ? own.padStart(30_000) : own);
    });
  }

  /** @returns the numbers of the requests that were answered, and whether the last response is a last one */
  async function answered(wire: Wire, most: number): Promise<{ numbers: number[]; closes: boolean }> {
    const numbers: number[] = [];
    let closes = false;
    while (numbers.length < most && !closes) {
      const response = await wire.response();
      if (response === undefined) break;
      expect(response.status).to.equal(200);
      numbers.push(Number(response.body));
      ({ closes } = response);
    }
    return { numbers, closes };
  }

  for (const [name, { path, isAtOnce }] of Object.entries(kinds))
    for (const depth of DEPTHS)
      it(`have responses: ${depth} of ${name}`, async () => {
        const { wire: open, observer } = await serve(routes);
        const wire = await open();
        wire.write(get(path).repeat(depth));
        const { numbers, closes } = await answered(wire, depth);
        const atLeast = isAtOnce === true ? depth : Math.min(depth, MOST_WAITING + 1);
        const served = isAtOnce === undefined ? Math.max(atLeast, numbers.length) : atLeast;
        expect(numbers).to.deep.equal(Array.from({ length: served }, (_, i) => i));
        expect(closes).to.equal(served < depth);
        if (closes) await wire.closed();
        else expect((await wire.request('GET', path))?.status).to.equal(200);
        await observer.ended(closes ? served : served + 1);
        if (path === '/mounted/heard') expect(finished).to.equal(executed);
        wire.destroy();
      });

  /** `burst` requests come at once, and later ones behind responses, so that `depth` are unfinished. */
  const queues: Readonly<Record<string, { burst: number; depth: number; head: string; body: string }>> = {
    'large heads': { burst: 3, depth: 3, head: `X: ${'x'.repeat(4000)}\r\n`, body: '' },
    bodies: { burst: 3, depth: 3, head: 'Content-Length: 10000\r\n', body: 'b'.repeat(10_000) },
    'as many as may wait': { burst: MOST_WAITING + 1, depth: MOST_WAITING, head: '', body: '' },
  };
  for (const [name, { burst, depth, head, body }] of Object.entries(queues))
    it(`go on without end while few of them wait: ${name}`, async () => {
      const total = 60;
      const request = `POST /queue HTTP/1.1\r\nHost: x\r\n${head}\r\n${body}`;
      const { wire: open } = await serve((app) =>
        app.mountNode('/queue', async ({ socket }, response) => {
          const own = executed++;
          const sent = Math.min(total, Math.max(burst, own + depth));
          // So the queue is not empty before the last one.
          do await new Promise(setImmediate);
          while (socket.bytesRead < sent * request.length && !socket.destroyed);
          response.end(String(own));
        }),
      );
      const wire = await open();
      wire.write(request.repeat(burst));
      let sent = burst;
      for (let own = 0; own < total; own++) {
        const response = await wire.response();
        expect([response?.status, String(response?.body), response?.closes]).to.deep.equal([
          200,
          `${own}`,
          false,
        ]);
        const due = Math.min(total, Math.max(burst, own + 1 + depth));
        wire.write(request.repeat(due - sent));
        sent = due;
      }
      wire.destroy();
    });

  it('end in order when they take the turn for long', async () => {
    const { wire: open, observer } = await serve(routes);
    const wire = await open();
    wire.write(get('/slow').repeat(300));
    const { numbers, closes } = await answered(wire, 300);
    expect(numbers).to.deep.equal(Array.from({ length: executed }, (_, i) => i));
    expect(closes).to.equal(executed < 300);
    await observer.ended(executed);
    wire.destroy();
  });

  it('are not executed behind one whose response ends the connection', async () => {
    const { wire: open, observer } = await serve(routes);
    for (const path of ['/native', '/late', '/mounted', '/mounted/late']) {
      const wire = await open();
      wire.write(get(path, 'Connection: close') + get(path).repeat(1000));
      expect(await answered(wire, 3)).to.include({ closes: true });
      await wire.closed();
    }
    expect(executed).to.equal(4);
    await observer.ended(4);
  });

  for (const path of ['/native', '/mounted', '/mounted/heard']) {
    it(`may be followed by what cannot be parsed, which is refused: behind ${path}`, async () => {
      const wire = await (await serve(routes)).wire();
      wire.write(`${get(path)}GARBAGE\r\n\r\n`);
      expect((await wire.response())?.status).to.equal(200);
      expect(await wire.response()).to.include({ status: 501, closes: true });
      await wire.closed();
    });

    it(`may be followed by a handshake: behind ${path}`, async () => {
      const wire = await (await serve(routes)).wire();
      wire.write(get(path) + get('/socket', ...HANDSHAKE));
      for (const status of [200, 101]) expect((await wire.response())?.status).to.equal(status);
      expect(opened).to.equal(1);
      wire.destroy();
    });
  }
});
