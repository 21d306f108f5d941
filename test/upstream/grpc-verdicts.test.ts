// What each end of a call by gRPC shows about the endpoint. The peers are real sockets; what they do is below
// any library of gRPC, so that they can do what none does.
import { once } from 'node:events';
import { constants } from 'node:http2';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError, type HttpError } from '#src/errors.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import type { OutgoingRequest } from '#src/upstream/transport.js';
import { judge, type TransportResult } from '#src/upstream/verdict.js';
import { endpoint } from './endpoints.js';
import { ENDS, GATEWAY, MAX_BYTES, MESSAGE, NOTHING } from './rpc-ends.js';
import { http2Peer, type Peer, tcpPeer } from './rpc-peer.js';

describe('the verdict on a call by gRPC', () => {
  const peers: Peer[] = [];
  const transports: GrpcTransport[] = [];
  afterEach(async () => {
    for (const transport of transports.splice(0)) await transport.close();
    for (const peer of peers.splice(0)) await peer.close();
  });

  async function verdictOn(port: number, members: Partial<OutgoingRequest> = {}) {
    const transport = new GrpcTransport({ maxResponseBytes: MAX_BYTES, connectTimeoutMs: 100 });
    transports.push(transport);
    const abort = members.abort ?? new OwnAbort();
    const deadline = Deadline.after(20_000);
    const result: TransportResult = await transport
      .send(endpoint('one', { port, protocol: 'grpc' }), {
        protocol: 'grpc',
        method: 'POST',
        path: '/demo.Demo/Any',
        headers: {},
        body: MESSAGE,
        deadline,
        signal: undefined as never,
        abort,
        ...members,
      })
      .then(
        (value) => ({ kind: 'returned' as const, value }),
        (error: unknown) => ({ kind: 'failed' as const, error }),
      );
    // When a deadline has ended the call, that is the call's own.
    const isLate = abort.aborted && abort.reason instanceof DeadlineExceededError;
    const { outcome, reached, mayRepeat } = judge(result, abort, isLate ? Deadline.after(0) : deadline, 0);
    const end =
      result.kind === 'returned' ? result.value.status : ((result.error as HttpError).code ?? result.error);
    return [end, outcome, reached, mayRepeat];
  }

  for (const [name, end, outcome, reached, repeat, onStream] of ENDS) {
    it(`${name}: ${end}, ${outcome}${repeat ? ', may be repeated' : ''}`, async () => {
      const peer = await http2Peer(onStream);
      peers.push(peer);
      expect(await verdictOn(peer.port)).to.deep.equal([end, outcome, reached, repeat]);
    });
  }

  it('a port on which nothing listens: BAD_UPSTREAM, failure, may be repeated', async () => {
    const peer = await tcpPeer();
    await peer.close();
    expect(await verdictOn(peer.port)).to.deep.equal(['BAD_UPSTREAM', ...GATEWAY]);
  });

  it('a peer that speaks HTTP/1.1 only: BAD_UPSTREAM, failure, may be repeated', async () => {
    const peer = await tcpPeer('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    peers.push(peer);
    expect(await verdictOn(peer.port)).to.deep.equal(['BAD_UPSTREAM', ...GATEWAY]);
  });

  it('a listener that never answers: BAD_UPSTREAM after the time of a connection', async () => {
    const peer = await tcpPeer();
    peers.push(peer);
    expect(await verdictOn(peer.port)).to.deep.equal(['BAD_UPSTREAM', ...GATEWAY]);
  });

  for (const [name, reason, end, verdict] of [
    [
      'no response before the deadline',
      new DeadlineExceededError(),
      'DEADLINE_EXCEEDED',
      ['failure', 'failure', false],
    ],
    ['a caller that leaves', 'left', 'left', NOTHING],
  ] as const) {
    it(`${name}: the peer gets RST_STREAM`, async () => {
      const abort = new OwnAbort();
      let code: Promise<number> | undefined;
      const peer = await http2Peer((stream) => {
        code = once(stream, 'close').then(() => stream.rstCode);
        abort.abort(reason);
      });
      peers.push(peer);
      expect(await verdictOn(peer.port, { abort })).to.deep.equal([end, ...verdict]);
      expect(await code).to.equal(constants.NGHTTP2_CANCEL);
    });
  }
});
