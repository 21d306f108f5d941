import { expect } from 'chai';
import fc from 'fast-check';
import { AddressRanges } from '#src/server/address-ranges.js';
import { clientAddress } from '#src/server/client-address.js';
import { bench } from './kit.js';

const proxies = new AddressRanges(['10.0.0.0/8', '2001:db8:1::/48']);
const PEER = '10.0.0.1';

const client = (list: readonly string[], forwarded: readonly string[] = []): string =>
  clientAddress(PEER, { list, forwarded }, (address) => proxies.has(address));

describe('the address of a client', () => {
  for (const [what, list, forwarded, expected] of [
    ['is the peer when it says nothing', [], [], PEER],
    ['is the last that is no proxy of ours', ['1.1.1.1, 203.0.113.7, 10.2.2.2'], [], '203.0.113.7'],
    ['is read over several lines as over one', ['1.1.1.1', '203.0.113.7,10.2.2.2'], [], '203.0.113.7'],
    ['is the farthest proxy when all are ours', ['10.9.9.9, 10.2.2.2'], [], '10.9.9.9'],
    ['is not looked for behind what is no address', ['203.0.113.7, unknown, 10.2.2.2'], [], '10.2.2.2'],
    ['is the peer when the last hop is no address', ['203.0.113.7, '], [], PEER],
    ['is told without its port', ['203.0.113.7:4711'], [], '203.0.113.7'],
    ['may be of version 6', ['2001:DB8:0::7'], [], '2001:db8::7'],
    ['may be of version 6 with a port', ['[2001:db8::7]:4711'], [], '2001:db8::7'],
    ['is of version 4 also when it is mapped', ['::ffff:203.0.113.7'], [], '203.0.113.7'],
    ['has no zone', ['fe80::1%eth0'], [], PEER],
    ['is found behind a proxy of version 6', ['203.0.113.7, 2001:db8:1::5'], [], '203.0.113.7'],
    [
      'is read from Forwarded, right to left',
      [],
      ['for=1.1.1.1, for=203.0.113.7;proto=https, for=10.2.2.2'],
      '203.0.113.7',
    ],
    ['is read from Forwarded of version 6', [], ['for="[2001:db8::7]:4711"'], '2001:db8::7'],
    ['is hidden in Forwarded', [], ['for=203.0.113.7, for=_hidden'], PEER],
    ['is the peer when Forwarded cannot be parsed', [], ['for=203.0.113.7, for='], PEER],
    ['is what both fields say', ['203.0.113.7'], ['for=203.0.113.7'], '203.0.113.7'],
    ['is the peer when the two contradict each other', ['203.0.113.7'], ['for=198.51.100.1'], PEER],
  ] as const) {
    it(what, () => expect(client(list, forwarded)).to.equal(expected));
  }

  it('is never what stands left of the first address that is no proxy, whatever that is', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.ipV4(), (madeUp, address) => {
        fc.pre(!proxies.has(address));
        expect(client([...madeUp, address, '10.2.2.2'])).to.equal(address);
      }),
    );
  });

  it('and what proxies say are believed from proxies alone', async () => {
    const { inject } = bench(
      (app) => app.get('/', (ctx) => [ctx.ip, ctx.headers.get('X-Forwarded-Host') ?? null]),
      { trustedProxies: ['10.0.0.0/8'] },
    );
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': 'shop.example' };
    const seen = async (remoteAddress: string) => (await inject({ url: '/', headers, remoteAddress })).json();
    expect(await seen('10.0.0.1')).to.deep.equal(['203.0.113.7', 'shop.example']);
    expect(await seen('192.0.2.1')).to.deep.equal(['192.0.2.1', null]);
  });

  it('is nobody else by default', async () => {
    const { inject } = bench((app) =>
      app.get('/', (ctx) => [ctx.ip, ctx.headers.has('forwarded'), ctx.headers.getAll('x-forwarded-for')]),
    );
    const headers = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' };
    expect((await inject({ url: '/', headers })).json()).to.deep.equal(['127.0.0.1', false, []]);
  });
});
