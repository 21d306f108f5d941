// Which calls by gRPC are repeated, and what they send: seen from a peer that counts them.
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import { KnownProtos } from '#src/grpc/known-protos.js';
import type { RpcCallOptions } from '#src/upstream/call.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { failureOf, setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { http2Peer, respondOnly } from './rpc-peer.js';

const PROTO = pathToFileURL('test/upstream/fixtures/repeatable.proto');
const UNAVAILABLE = { 'grpc-status': '14' };

describe('a method of gRPC whose call fails', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** @returns the error, and the fields of each request that the peer has got */
  async function failedCall(method: string, trailers: Record<string, string>, options: RpcCallOptions = {}) {
    const requests: Record<string, string>[] = [];
    const peer = await http2Peer((stream, headers) => {
      requests.push(headers);
      respondOnly(stream, trailers);
    });
    const grpc = new GrpcTransport();
    closers.push(
      () => peer.close(),
      () => grpc.close(),
    );
    const one = endpoint('one', { service: 'notes', port: peer.port, protocol: 'grpc', slot: 1 });
    const { call } = setUp([one], () => expect.fail('sent by another transport'), {
      transports: { http: grpc, grpc },
      methods: new KnownProtos(new Map([['notes', PROTO]])),
    });
    const error: HttpError = await failureOf(call('notes').grpc(method, { text: 'a' }, options));
    return { error, requests };
  }

  for (const [method, level, attempts] of [
    ['Read', 'NO_SIDE_EFFECTS', 3],
    ['Put', 'IDEMPOTENT', 3],
    ['Add', 'none', 1],
  ] as const)
    it(`is called ${attempts} time(s) with the idempotency level ${level}`, async () => {
      const { requests } = await failedCall(method, UNAVAILABLE, { retries: 2 });
      expect(requests).to.have.length(attempts);
    });

  for (const [status, code, retryable] of [
    ['8', 'RATE_LIMITED', true],
    ['8', undefined, false],
    ['14', 'DATABASE_BUSY', true],
    ['14', undefined, true],
    ['9', 'OUT_OF_STOCK', false],
  ] as const)
    it(`is ${retryable ? '' : 'not '}retryable after status ${status} with ${code ?? 'no code'}`, async () => {
      const coded = code === undefined ? {} : { 'x-multilane-code': code };
      const { error } = await failedCall('Add', { 'grpc-status': status, ...coded });
      expect(error.retryable).to.equal(retryable);
    });

  it('has sent no metadata of the caller that are of the protocol or the runtime', async () => {
    const own = { authorization: 'mine', 'x-note': 'n' };
    const reserved = [
      'connection',
      'content-length',
      'content-type',
      'accept-encoding',
      'expect',
      'grpc-accept-encoding',
      'grpc-anything',
      'grpc-encoding',
      'grpc-timeout',
      'host',
      'keep-alive',
      'proxy-authenticate',
      'proxy-authorization',
      'proxy-connection',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'x-mesh-token',
      'x-request-deadline',
    ];
    const metadata = { ...own, ...Object.fromEntries(reserved.map((name) => [name, 'of-the-caller'])) };
    const { requests } = await failedCall('Add', UNAVAILABLE, { metadata });
    expect(requests[0]).to.include({ authorization: 'mine', 'x-note': 'n' });
    expect(Object.values(requests[0]!)).to.not.include('of-the-caller');
  });
});
