import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { MAX_FIELDS } from '#src/grpc/field-limit.js';
import { KnownProtos } from '#src/grpc/known-protos.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { EVERYTHING } from '#test/server/grpc/kit.js';
import { setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { http2Peer, respond } from './rpc-peer.js';

/** Entries of the map `details` without a key and a value, each of which is two fields. */
const MANY = Buffer.alloc(MAX_FIELDS, Buffer.from([0x3a, 0]));

describe('a response by gRPC with few bytes and many fields', () => {
  it('is BAD_UPSTREAM, as one that is too long', async () => {
    const peer = await http2Peer((stream) => respond(stream, [MANY], { 'grpc-status': '0' }));
    const grpc = new GrpcTransport();
    try {
      const one = endpoint('one', { service: 'kit', port: peer.port, protocol: 'grpc', slot: 1 });
      const { call } = setUp([one], () => expect.fail('sent by another transport'), {
        transports: { http: grpc, grpc },
        methods: new KnownProtos(new Map([['kit', EVERYTHING]])),
      });
      const error = await call('kit')
        .grpc('Get', {})
        .then(
          () => expect.fail('the call succeeded'),
          (reason: unknown) => reason,
        );
      expect(error).to.be.instanceOf(HttpError).and.include({
        code: 'BAD_UPSTREAM',
        message: 'Service kit sent a response with more fields than are accepted.',
      });
    } finally {
      await grpc.close();
      await peer.close();
    }
  });
});
