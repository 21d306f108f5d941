import { once } from 'node:events';
import { connect, constants, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { awaitRequestEnd, calmStream, resetStream } from '#src/server/grpc/rpc-stream.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { ManualTicker } from '../kit.js';

const PIECE = Buffer.alloc(16_384);

// A second reset sends the first one, and Node.js then frees the memory of that stream, also while the
// session reads from it. What runs meanwhile are the listeners of its bytes, ticks and microtasks.
describe('a reset of a stream of gRPC', () => {
  const wheel = new TimerWheel((error) => expect.fail(String(error)), new ManualTicker());
  const resets: [string, number, (stream: ServerHttp2Stream) => void][] = [
    [
      'of a client that sends too much beside its response',
      constants.NGHTTP2_ENHANCE_YOUR_CALM,
      (stream) => {
        stream.respond();
        stream.on('data', () => calmStream(stream));
      },
    ],
    [
      'of a call whose client takes no response',
      constants.NGHTTP2_CANCEL,
      (stream) => {
        stream.respond();
        stream.on('data', () => resetStream(stream));
      },
    ],
    [
      'of a client that goes on to send behind its response',
      constants.NGHTTP2_NO_ERROR,
      (stream) => {
        stream.respond();
        stream.end();
        awaitRequestEnd(stream, wheel, 60_000);
      },
    ],
  ];

  for (const [name, code, serve] of resets)
    it(`waits until its session has read what has arrived: ${name}`, async () => {
      const isClosed: boolean[] = [];
      const server = createServer();
      server.on('stream', (stream) => {
        const note = (): void => void isClosed.push(stream.closed);
        stream.on('error', () => {});
        serve(stream);
        stream.prependListener('data', () => {
          if (stream.closed) return;
          process.nextTick(note);
          queueMicrotask(note);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const call = session.request({ ':method': 'POST' }, { endStream: false });
      const gone = new Promise((resolve) => call.once('close', resolve));
      const more = (): void => void call.write(PIECE, () => call.destroyed || more());
      call.on('error', () => {}).resume();
      await once(call, 'response');
      more();
      await gone;
      expect(call.rstCode).to.equal(code);
      expect(isClosed).to.have.length.above(1);
      expect(isClosed).to.not.include(true);
      session.close();
      server.close();
    });
});
