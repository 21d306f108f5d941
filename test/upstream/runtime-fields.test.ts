// The fields that the runtime adds to a call: they can be sent by every transport, whatever texts the client
// of the handler has sent. Real sockets.
import { expect } from 'chai';
import fc from 'fast-check';
import { KnownProtos } from '#src/grpc/known-protos.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { traceOf } from '#src/saga/saga-trace.js';
import { runInScope, type TraceContext } from '#src/scope.js';
import { injectTrace, parseTraceparent } from '#src/telemetry/propagation.js';
import { RequestIds } from '#src/telemetry/request-ids.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { EVERYTHING } from '#test/server/grpc/kit.js';
import { scopeOf, setUp } from './call-kit.js';
import { endpoint } from './endpoints.js';
import { RealUpstreams } from './real-upstreams.js';
import { type Http2Peer, http2Peer, respondOnly } from './rpc-peer.js';

const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

/** Any text, often one that is white space or a part of what is valid. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...Array.from('a=1,@ \t\v\f\0\x7f\u00a0\u2003\u3000\ufeff')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 24,
});
const list = fc.tuple(text, text).map(([one, other]) => `a=1${one},${other}b=2`);

describe('the fields that the runtime adds to a call', () => {
  const upstreams = new RealUpstreams();
  const http = new HttpTransport();
  const grpc = new GrpcTransport();
  let peer: Http2Peer;
  after(async () => {
    await Promise.all([http.close(), grpc.close()]);
    await Promise.all([upstreams.close(), peer.close()]);
  });

  it('can be sent, whatever a stranger has sent', async () => {
    const port = await upstreams.serve((_request, response) => response.end('fine'));
    peer = await http2Peer((stream) => respondOnly(stream, { 'grpc-status': '5' }));
    const shared = {
      ...{ streams: http, transports: { http, grpc }, propagate: injectTrace },
      methods: new KnownProtos(new Map([['kit', EVERYTHING]])),
    };
    const callTo = (members: Partial<Endpoint>) =>
      setUp([endpoint('one', { service: 'kit', slot: 1, ...members })], () => expect.fail('sent'), shared)
        .call;
    const byHttp = callTo({ port })('kit');
    const byRpc = callTo({ port: peer.port, protocol: 'grpc' })('kit');
    const ids = new RequestIds();
    const ends = (requestId: string, trace: TraceContext): Promise<unknown[]> =>
      runInScope(scopeOf({ requestId, trace }), () =>
        Promise.all([
          byHttp.get('/').then(({ status }) => status),
          byHttp.get('/', { stream: true }).then(({ body }) => new Response(body).text()),
          byRpc.grpc('Get', {}).catch(({ code }) => code),
        ]),
      );
    await fc.assert(
      fc.asyncProperty(text, list, async (id, tracestate) => {
        const requestId = ids.accept(id);
        for (const trace of [parseTraceparent(TRACEPARENT, tracestate)!, traceOf(TRACEPARENT, tracestate)])
          expect(await ends(requestId, trace)).to.deep.equal([200, 'fine', 'NOT_FOUND']);
      }),
      {
        examples: [
          ['x\u2003', 'a=1\u2003,b=2'],
          ['x\ufeff', 'a=1,\ufeffb=2'],
          ['', 'a=1\t,\tb=2'],
        ],
      },
    );
  });
});
