import { once } from 'node:events';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { type Fields, Http2Clients, SERVICE, trailersOf } from './http2-clients.js';
import { type RpcBench, rpcBench } from './kit.js';

const EMPTY = frameOf(new Uint8Array(0));
const CHECK = '/grpc.health.v1.Health/Check';

describe('the head of a gRPC call', () => {
  let bench: RpcBench;
  let runs = 0;
  const clients = new Http2Clients();
  beforeEach(async () => {
    runs = 0;
    const handler = (_request: unknown, ctx: RpcContext) => ({
      count: ++runs,
      name: ctx.headers.get('__proto__') ?? '',
    });
    bench = await rpcBench({ Get: handler, Collect: handler }, { server: { maxHeaderBytes: 4000 } });
  });
  afterEach(() => {
    clients.close();
    bench.close();
  });
  const call = async (method: string, fields: object): Promise<Fields> => {
    const one = clients.request(clients.session(bench.port), method, fields);
    if (!one.writableEnded) one.end(EMPTY);
    return trailersOf(one);
  };

  const longText = 'x'.repeat(1000);
  for (const [field, values, status, code, shown] of [
    [
      'grpc-timeout',
      ['5', '-5S', '5Sx', '100000000S', '', longText],
      '3',
      'MALFORMED_REQUEST',
      'grpc-timeout',
    ],
    ['grpc-encoding', ['snappy', 'GZIP', 'gzip,gzip', longText], '12', 'METHOD_UNKNOWN', 'gzip'],
    [':method', ['GET', 'PUT', 'HEAD', 'DELETE', 'FOO'], '12', 'METHOD_NOT_ALLOWED', 'POST'],
  ] as const) {
    it(`with a bad ${field} is refused and counted, whatever the method, and runs nothing`, async () => {
      for (const value of values) {
        for (const method of ['Get', 'Collect', CHECK, '/no.such/Method']) {
          const ended = await call(method, { [field]: value });
          const text = String(ended['grpc-message']);
          const named = [value, method, ended['grpc-status'], ended['x-multilane-code']];
          expect(named).to.deep.equal([value, method, status, code]);
          expect(decodeURI(text)).to.include(shown).and.include(value.slice(0, 40)).and.not.include(longText);
          expect(ended['x-request-id']).to.be.a('string');
        }
      }
      const { seen, refusals, begun } = bench.observer;
      const rows = values.flatMap(() => [`${SERVICE}Get`, `${SERVICE}Collect`, undefined]);
      expect(seen.map(({ template }) => template)).to.deep.equal(rows);
      for (const one of seen) expect(one.error).to.equal(code);
      // A call of health has no meter, so that is its only count.
      expect(refusals).to.deep.equal(values.map(() => code.toLowerCase()));
      expect([runs, begun]).to.deep.equal([0, seen.length]);
    });
  }

  it('has the content type of gRPC: any other request gets 415', async () => {
    const statusOf = async (type: string): Promise<unknown> => {
      const one = clients.request(clients.session(bench.port), 'Get', { 'content-type': type });
      one.end(EMPTY);
      const [head] = (await once(one, 'response')) as [Record<string, unknown>];
      one.close();
      return head[':status'];
    };
    for (const type of [
      'application/grpc-web',
      'application/grpc-web+proto',
      'application/grpcfoo',
      'a/b',
      '',
    ])
      expect([type, await statusOf(type)]).to.deep.equal([type, 415]);
    for (const type of ['application/grpc', 'application/grpc+json', 'application/grpc;charset=utf-8'])
      expect([type, await statusOf(type)]).to.deep.equal([type, 200]);
  });

  it('counts with all its fields, whatever their names are, and shows them all', async () => {
    for (const name of ['__proto__', 'constructor', 'x-a']) {
      const { 'x-multilane-code': code } = await call('Get', { [name]: 'y'.repeat(5000) });
      expect([name, code]).to.deep.equal([name, 'HEADERS_TOO_LARGE']);
    }
    const one = clients.request(clients.session(bench.port), 'Get', { ['__proto__']: 'here' });
    const message = once(one, 'data');
    one.end(EMPTY);
    expect(String((await message)[0])).to.include('here');
  });
});
