// When the streams and sessions of a client end. Node.js frees memory that a session reads when one of its
// streams is reset, or it is destroyed, meanwhile.
import { EventEmitter } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { expect } from 'chai';
import { GrpcConnections } from '#src/upstream/grpc-connections.js';
import { tcpPeer } from './rpc-peer.js';

type End = number | 'destroyed';

describe('the end of a stream of a client of gRPC', () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A connection whose session only notes its ends, and those of its streams. */
  async function setUp() {
    const peer = await tcpPeer();
    closers.push(() => peer.close());
    const connections = new GrpcConnections({
      connectTimeoutMs: 20_000,
      connectionAgeMs: 300_000,
      running: () => 0,
      onSpent: () => undefined,
      onChanged: () => undefined,
    });
    await connections.connect({ host: '127.0.0.1', port: peer.port });
    closers.push(() => connections.destroy());
    const ends: End[] = [];
    const newStream = () =>
      Object.assign(new EventEmitter(), { close: (code: number) => void ends.push(code) });
    const own = newStream();
    const session = Object.assign(new EventEmitter(), {
      remoteSettings: {},
      settings: () => undefined,
      request: () => own,
      destroy: () => void ends.push('destroyed'),
    });
    connections.ready(session as unknown as ClientHttp2Session);
    return { connections, session, newStream, ends };
  }

  async function expectLater(ends: readonly End[], expected: readonly End[]): Promise<void> {
    await Promise.resolve();
    expect(ends).to.deep.equal([]);
    await new Promise(setImmediate);
    expect(ends).to.deep.equal(expected);
  }

  it('waits until what has arrived has been read: of one that is pushed, and of the session', async () => {
    const { connections, session, newStream, ends } = await setUp();
    const pushed = newStream();
    session.emit('stream', pushed);
    // An error without a listener would end the thread.
    pushed.emit('error', new Error('reset'));
    connections.destroy();
    await expectLater(ends, [constants.NGHTTP2_REFUSED_STREAM, 'destroyed']);
  });

  // The library cancels calls in listeners to what arrives, for which Node.js does not always wait.
  it('waits so when the library resets the stream of a call', async () => {
    const { session, ends } = await setUp();
    session.request().close(constants.NGHTTP2_CANCEL);
    await expectLater(ends, [constants.NGHTTP2_CANCEL]);
  });
});
