// The attacks of hostile clients, each from an address of its own (127.0.0.2 and up).
// Nothing here measures: bystander-thread.ts does.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** An attack runs until its signal aborts; many clients may listen on the signal. */
export type Attack = (target: Target, signal: AbortSignal) => Promise<void>;

const HOST = 'Host: x\r\n';
/** The pause of a client whose connection was refused or cut. */
const AGAIN_MS = 20;

async function open({ host, port }: Target, localAddress: string): Promise<Socket> {
  const socket = connect({ host, port, localAddress, noDelay: true });
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

function ended(socket: Socket, signal: AbortSignal): Promise<void> {
  if (socket.destroyed || signal.aborted) return Promise.resolve();
  return new Promise<void>((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    socket.once('close', done);
    signal.addEventListener('abort', done);
  });
}

/** Runs clients that each keep one connection open, and reconnect when it ends. */
function crowd(count: number, address: (n: number) => string, visit: (socket: Socket) => void): Attack {
  return async (target, signal) => {
    await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        while (!signal.aborted) {
          const socket = await open(target, address(n));
          socket.resume();
          visit(socket);
          await ended(socket, signal);
          socket.destroy();
          if (!signal.aborted) await delay(AGAIN_MS);
        }
      }),
    );
  };
}

/** Sends requests at an even pace over a connection that is kept. */
function paced(perSecond: number, address: string, bytesOf: (n: number) => string): Attack {
  return async (target, signal) => {
    let socket: Socket | undefined;
    const started = performance.now();
    for (let sent = 0; !signal.aborted; ) {
      if (socket === undefined || socket.destroyed) {
        socket = await open(target, address);
        socket.resume();
      }
      const due = ((performance.now() - started) / 1000) * perSecond;
      for (; sent < due; sent++) socket.write(bytesOf(sent));
      await delay(AGAIN_MS);
    }
    socket?.destroy();
  };
}

const PATHS = ['/items', '/raw'];
const halfSent = crowd(
  150,
  () => '127.0.0.2',
  (socket) => {
    const path = PATHS[Math.random() < 0.5 ? 0 : 1]!;
    socket.write(
      `POST ${path} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
    );
  },
);

const streams = crowd(
  1024,
  () => '127.0.0.3',
  (socket) => socket.write(`GET /events HTTP/1.1\r\n${HOST}\r\n`),
);

const CHUNKERS = 12;
/** Bytes a second on the wire, of all these clients together. */
const CHUNK_BYTES_PER_SECOND = 2_000_000;
const oneByteChunks: Attack = async (target, signal) => {
  const everyMs = 50;
  const share = CHUNK_BYTES_PER_SECOND / CHUNKERS / (1000 / everyMs);
  const piece = '1\r\nx\r\n'.repeat(Math.ceil(share / 6));
  await Promise.all(
    Array.from({ length: CHUNKERS }, async (_, n) => {
      while (!signal.aborted) {
        const socket = await open(target, n < CHUNKERS / 2 ? '127.0.0.4' : '127.0.0.5');
        socket.resume();
        socket.write(`POST /raw HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`);
        while (!signal.aborted && !socket.destroyed) {
          socket.write(piece);
          await delay(everyMs);
        }
        socket.destroy();
      }
    }),
  );
};

/** Calls careless handlers over one connection, and reconnects when it was closed. */
const careless = (perSecond: number): Attack =>
  paced(perSecond, '127.0.0.6', (n) => `GET /careless/${n} HTTP/1.1\r\n${HOST}\r\n`);

const forgedDeadlines = (address: string): Attack =>
  paced(10, address, () => `GET /via HTTP/1.1\r\n${HOST}x-request-deadline: 20\r\n\r\n`);

/** @param carelessPerSecond calls of careless handlers a second */
export const attacks = (carelessPerSecond: number): Readonly<Record<string, Attack>> => ({
  halfSent,
  streams,
  oneByteChunks,
  careless: careless(carelessPerSecond),
  forgedDeadlines: forgedDeadlines('127.0.0.7'),
  forgedDeadlinesFromHere: forgedDeadlines('127.0.0.1'),
});
