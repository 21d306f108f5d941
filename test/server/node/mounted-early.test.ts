// A response that comes before the end of its request's body reaches a client that sends everything before it
// reads, whatever the application makes of the body.
import { once } from 'node:events';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { NodeHandler } from '#src/server/handler.js';
import { ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

const PIECE = Buffer.alloc(65_536, 'x');
const PIECES = 128;
const LIMIT = 1_000_000;

const broken = (): Writable =>
  new Writable({ write: (_piece, _coding, done) => done(new Error('no space is left')) });

interface Case {
  readonly status: number;
  readonly handler: NodeHandler;
}
const cases: Readonly<Record<string, Case>> = {
  'that it does not read': { status: 200, handler: (_request, response) => response.end('early') },
  'that it reads beside the response': {
    status: 200,
    handler: (request, response) => {
      request.on('data', () => undefined).on('error', () => undefined);
      response.end('early');
    },
  },
  'that it reads beyond the limit': {
    status: 413,
    handler: (request, response) => {
      request.on('data', () => undefined).on('end', () => response.end('all'));
    },
  },
  'that it pipes beyond the limit': {
    status: 413,
    handler: (request, response) => {
      const slow = new Writable({ write: (_piece, _coding, done) => void setImmediate(done) });
      request.pipe(slow).on('finish', () => response.end('all'));
    },
  },
  'that it loops over beyond the limit': {
    status: 413,
    handler: async (request, response) => {
      for await (const piece of request) void piece;
      response.end('all');
    },
  },
  'of which it takes one piece': {
    status: 200,
    handler: (request, response) => {
      request.once('data', () => {
        request.pause();
        setImmediate(() => response.end('early'));
      });
    },
  },
  'that it has paused, and may go on to read': {
    status: 200,
    handler: (request, response) => {
      request.on('data', () => request.pause()).on('error', () => undefined);
      response.end('early');
    },
  },
  'whose destination fails': {
    status: 507,
    handler: (request, response) => {
      request.pipe(broken()).on('error', () => response.writeHead(507).end('full'));
    },
  },
  'while which it throws': {
    status: 500,
    handler: async (request) => {
      await once(request, 'data');
      throw new Error('broken');
    },
  },
};

/** Sends everything, then reads. */
async function sent(url: string, isChunked: boolean): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').pause();
  const received: Buffer[] = [];
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('error', (error) => received.push(Buffer.from(` ${String(error)}`)));
  const write = async (bytes: string | Buffer): Promise<void> => {
    if (!socket.write(bytes) && !socket.destroyed) await Promise.race([once(socket, 'drain'), closed]);
  };
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${PIECES * PIECE.length}`;
  await write(`POST /a HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
  for (let n = 0; n < PIECES && !socket.destroyed; n++) {
    if (isChunked) await write(`${PIECE.length.toString(16)}\r\n`);
    await write(PIECE);
    if (isChunked) await write('\r\n');
  }
  if (isChunked) await write('0\r\n\r\n');
  socket.on('data', (bytes: Buffer) => {
    received.push(bytes);
    socket.end(); // the server may keep the connection
  });
  socket.resume();
  await closed;
  return Buffer.concat(received).toString('latin1');
}

describe('the response of a mounted application before the end of a body', () => {
  const serve = useNodeServers();
  let clock: NodeJS.Timeout;
  afterEach(() => clearInterval(clock));

  for (const [name, { status, handler }] of Object.entries(cases))
    for (const isChunked of [true, false])
      it(`reaches a client that reads last: a body ${name}, ${isChunked ? 'in chunks' : 'of known length'}`, async () => {
        const ticker = new ManualTicker();
        const { url, observer, server } = await serve(
          (app) => {
            const bodyLimit = isChunked ? LIMIT : 2 * PIECES * PIECE.length;
            app.mountNode('/a', { bodyLimit }, async (request, response) => {
              await turn();
              return handler(request, response);
            });
          },
          { ticker },
        );
        clock = setInterval(() => ticker.advance(10), 1);
        const expected = !isChunked && status === 413 ? 200 : status;
        expect(await sent(url, isChunked)).to.match(new RegExp(`^HTTP/1.1 ${expected} [^]*\\r\\n\\r\\n.`));
        await observer.ended(1);
        expect(server.unfinished).to.equal(0);
      });
});
