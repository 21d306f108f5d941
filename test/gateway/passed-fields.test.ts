import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { gatewaysPassed, requestFields, responseFields } from '#src/gateway/passed-fields.js';
import type { IncomingRequest } from '#src/server/incoming-request.js';

function passed(
  headers: readonly string[],
  hops = ['192.0.2.1'],
  host = 'shop.example:81',
): Map<string, string[]> {
  const request = {
    exchange: { head: { headers } },
    hops,
    host,
    requestedScheme: 'https',
  };
  const fields = requestFields(request as unknown as IncomingRequest, 'orders');
  const byName = new Map<string, string[]>();
  for (let i = 0; i < fields.length; i += 2)
    byName.set(fields[i]!, [...(byName.get(fields[i]!) ?? []), fields[i + 1]!]);
  return byName;
}

describe('the fields of a request behind the gateway', () => {
  it('are those of the client, in their order', () => {
    const fields = passed(['accept', 'a', 'cookie', '1', 'accept', 'b', 'authorization', 'Bearer x']);
    expect(fields.get('accept')).to.deep.equal(['a', 'b']);
    expect([...fields.keys()].slice(0, 3)).to.deep.equal(['accept', 'cookie', 'authorization']);
  });

  for (const name of [
    ...[
      'connection',
      'keep-alive',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'expect',
      'content-length',
    ],
    ...[
      'proxy-authorization',
      'proxy-connection',
      'proxy',
      'x-mesh-token',
      'x-request-deadline',
      'x-request-id',
      'host',
    ],
    ...[
      'x-multilane-executed',
      'x-multilane-load',
      'x-real-ip',
      'x-forwarded-server',
      'traceparent',
      'tracestate',
    ],
    ...['x_mesh_token', 'x_real_ip', 'x_forwarded_for', 'transfer_encoding', 'x_multilane_final'],
  ]) {
    it(`are without ${name}`, () => {
      expect(passed([name, 'x', 'x-other', '1'])).to.have.all.keys(
        ...['x-other', 'cdn-loop', 'forwarded'],
        ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-prefix'],
      );
    });
  }

  it('are without those that Connection names, in any case and over several lines', () => {
    const fields = passed([
      'connection',
      'close, X-One',
      'connection',
      'x-two',
      'x-one',
      '1',
      'x-two',
      '2',
      'x-3',
      '3',
    ]);
    expect([...fields.keys()])
      .to.include('x-3')
      .and.not.include.members(['x-one']);
    expect(fields.has('x-two')).to.equal(false);
  });

  it('say who the client is, behind which proxies, and what it has requested', () => {
    const fields = passed(['connection', 'x-forwarded-for'], ['2001:db8::1', '10.0.0.2']);
    expect(fields.get('x-forwarded-for')).to.deep.equal(['2001:db8::1, 10.0.0.2']);
    expect(fields.get('forwarded')).to.deep.equal([
      'for="[2001:db8::1]";host="shop.example:81";proto=https, for=10.0.0.2',
    ]);
    expect(fields.get('x-forwarded-host')).to.deep.equal(['shop.example:81']);
    expect(fields.get('x-forwarded-proto')).to.deep.equal(['https']);
    expect(fields.get('x-forwarded-prefix')).to.deep.equal(['/svc/orders']);
  });

  it('count the gateways that a request has passed, and end a circle', () => {
    const other = 'cdn.example; v=2';
    expect(passed(['cdn-loop', other]).get('cdn-loop')).to.deep.equal([`${other}, multilane`]);
    expect(gatewaysPassed(['cdn-loop', other])).to.equal(0);
    expect(gatewaysPassed(['cdn-loop', 'multilane2, x; multilane', 'cdn-loop', 'multilane; v=1'])).to.equal(
      1,
    );
    expect(() => gatewaysPassed(['cdn-loop', 'multilane, multilane', 'cdn-loop', 'multilane,multilane']))
      .to.throw(HttpError)
      .with.property('code', 'BAD_UPSTREAM');
  });

  it('have the bytes of the client where these are no ASCII', () => {
    expect(passed(['x-name', 'caf\u00e9']).get('x-name')).to.deep.equal(['caf\u00c3\u00a9']);
  });

  it('can be sent, whatever host a trusted proxy names', () => {
    const fields = passed([], ['192.0.2.1'], 'caf\u00e9\u2003.example');
    const host = 'caf\u00c3\u00a9\u00e2\u0080\u0083.example';
    expect(fields.get('x-forwarded-host')).to.deep.equal([host]);
    expect(fields.get('forwarded')).to.deep.equal([`for=192.0.2.1;host="${host}";proto=https`]);
  });
});

describe('the fields of a response behind the gateway', () => {
  it('are those of the instance but for the fields of the connection and of the runtime', () => {
    const fields = responseFields({
      connection: 'keep-alive, X-Hop',
      ...{ 'keep-alive': 'timeout=5', 'transfer-encoding': 'chunked', trailer: 'x', upgrade: 'h2c' },
      ...{ 'x-hop': '1', date: 'now', 'content-length': '3', 'x-request-id': 'theirs' },
      ...{ 'x-multilane-executed': 'false', 'content-type': 'text/plain' },
      'set-cookie': ['a=1', 'b=2'],
    });
    expect(fields).to.deep.equal(['content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2']);
  });

  it('are read as UTF-8 where they are that, and else keep their bytes', () => {
    expect(responseFields({ 'x-name': 'caf\u00c3\u00a9' })).to.deep.equal(['x-name', 'caf\u00e9']);
    expect(responseFields({ 'x-name': 'caf\u00e9' })).to.deep.equal(['x-name', 'caf\udce9']);
  });
});
