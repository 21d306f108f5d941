// Endpoints that end a connection while the reader of their response pauses.
import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import type { HttpStream } from '#src/upstream/http-stream.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { latch, settled } from '#test/server/kit.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';

/** More than a stream takes before it pauses, and little enough for undici to have all of it then. */
const BYTES = 70_000;
const PIECE = 'x'.repeat(BYTES);
/** Lets what was sent within this process arrive. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await settled();
};
const CHUNK = `${BYTES.toString(16)}\r\n${PIECE}\r\n`;

describe('a response whose connection ends while its reader pauses', () => {
  const upstreams = new RealUpstreams();
  let transport: HttpTransport;
  beforeEach(() => {
    transport = new HttpTransport({ connections: 2, maxResponseBytes: Number.POSITIVE_INFINITY });
  });
  afterEach(async () => {
    await transport.close();
    await upstreams.close();
  });

  /** A response that was not read when its endpoint had ended its connection. */
  async function paused(
    fields: readonly string[],
    body: string,
    end: (socket: Socket) => void,
  ): Promise<HttpStream> {
    const ended = latch();
    const server = createServer((socket) => {
      socket.once('data', () => {
        const head = ['HTTP/1.1 200 OK', ...fields, '', ''].join('\r\n');
        // A reset that arrives together with bytes would be taken for an end.
        socket.write(head + body, () => {
          void turns().then(() => {
            end(socket);
            ended.open();
          });
        });
      });
    });
    const port = await upstreams.listen(server);
    const stream = await transport.stream(endpoint('i1', { port }), {
      ...{ method: 'GET', path: '/', headers: [], body: undefined },
      ...{ deadline: Deadline.after(10_000), abort: new OwnAbort() },
    });
    await ended.opened;
    await turns();
    return stream;
  }

  const read = async (stream: HttpStream): Promise<string> => {
    let bytes = 0;
    try {
      for await (const piece of stream) bytes += piece.length;
    } catch (error) {
      return `${(error as { code: string }).code} after ${bytes}`;
    }
    return `complete with ${bytes}`;
  };

  const CLOSE = 'Connection: close';
  for (const [what, fields, body, expected] of [
    ['it ends with its connection', [CLOSE], PIECE, `complete with ${BYTES}`],
    ['it has all of its length', [CLOSE, `Content-Length: ${BYTES}`], PIECE, `complete with ${BYTES}`],
    ['it lacks some of its length', [CLOSE, 'Content-Length: 80000'], PIECE, `BAD_UPSTREAM after ${BYTES}`],
    [
      'it has all of its chunks',
      [CLOSE, 'Transfer-Encoding: chunked'],
      `${CHUNK}0\r\n\r\n`,
      `complete with ${BYTES}`,
    ],
    ['it lacks its last chunk', [CLOSE, 'Transfer-Encoding: chunked'], CHUNK, `BAD_UPSTREAM after ${BYTES}`],
    [
      'it lacks its last chunk, on a connection that stays',
      ['Transfer-Encoding: chunked'],
      CHUNK,
      `BAD_UPSTREAM after ${BYTES}`,
    ],
  ] as const) {
    it(`is taken for what it is, when ${what}`, async () => {
      expect(await read(await paused(fields, body, (socket) => socket.end()))).to.equal(expected);
    });
  }

  it('is no whole one when the connection is reset', async () => {
    for (const fields of [[CLOSE], [CLOSE, 'Content-Length: 80000'], ['Content-Length: 80000']])
      expect(await read(await paused(fields, PIECE, (socket) => socket.resetAndDestroy()))).to.match(
        /^BAD_UPSTREAM after/,
      );
  });
});
