import { expect } from 'chai';
import fc from 'fast-check';
import { AddressRanges } from '#src/address-ranges.js';
import { clientAddress, forwardedHost, type ProxyField } from '#src/server/client-address.js';
import { bench } from './kit.js';

const proxies = new AddressRanges(['10.0.0.0/8', '2001:db8:1::/48']);
const PEER = '10.0.0.1';

const client = (field: ProxyField, ...lines: readonly string[]): string =>
  clientAddress(PEER, field, lines, (address) => proxies.has(address));

describe('the address of a client', () => {
  for (const [what, field, lines, expected] of [
    ['is the peer when it says nothing', 'x-forwarded-for', [], PEER],
    [
      'is the last that is no proxy of ours',
      'x-forwarded-for',
      ['1.1.1.1, 203.0.113.7, 10.2.2.2'],
      '203.0.113.7',
    ],
    [
      'is read over several lines as over one',
      'x-forwarded-for',
      ['1.1.1.1', '203.0.113.7,10.2.2.2'],
      '203.0.113.7',
    ],
    ['is the farthest proxy when all are ours', 'x-forwarded-for', ['10.9.9.9, 10.2.2.2'], '10.9.9.9'],
    [
      'is not looked for behind what is no address',
      'x-forwarded-for',
      ['203.0.113.7, unknown, 10.2.2.2'],
      '10.2.2.2',
    ],
    ['is the peer when the last hop is no address', 'x-forwarded-for', ['203.0.113.7, '], PEER],
    ['is the peer when the field is empty', 'x-forwarded-for', [''], PEER],
    ['is told without its port', 'x-forwarded-for', ['203.0.113.7:4711'], '203.0.113.7'],
    ['may be of version 6', 'x-forwarded-for', ['2001:DB8:0::7'], '2001:db8::7'],
    ['may be of version 6 with a port', 'x-forwarded-for', ['[2001:db8::7]:4711'], '2001:db8::7'],
    ['is of version 4 also when it is mapped', 'x-forwarded-for', ['::ffff:203.0.113.7'], '203.0.113.7'],
    ['has no zone', 'x-forwarded-for', ['fe80::1%eth0'], PEER],
    [
      'is found behind a proxy of version 6',
      'x-forwarded-for',
      ['203.0.113.7, 2001:db8:1::5'],
      '203.0.113.7',
    ],
    [
      'is read from Forwarded, right to left',
      'forwarded',
      ['for=1.1.1.1, for=203.0.113.7;proto=https, for=10.2.2.2'],
      '203.0.113.7',
    ],
    [
      'is read from Forwarded over several lines',
      'forwarded',
      ['for=1.1.1.1', 'FOR=203.0.113.7', 'for=10.2.2.2'],
      '203.0.113.7',
    ],
    ['is read from Forwarded of version 6', 'forwarded', ['for="[2001:db8::7]:4711"'], '2001:db8::7'],
    [
      'is read behind commas and quotes in quotes',
      'forwarded',
      ['for=203.0.113.7;by="a, \\"b\\\\", for=10.2.2.2'],
      '203.0.113.7',
    ],
    ['is hidden in Forwarded', 'forwarded', ['for=203.0.113.7, for=_hidden'], PEER],
    [
      'is the peer when Forwarded does not tell it',
      'forwarded',
      ['for=203.0.113.7, host=shop.example'],
      PEER,
    ],
    ['is the peer when the last element cannot be parsed', 'forwarded', ['for=203.0.113.7, for='], PEER],
    ['is the peer when a quoted string does not begin', 'forwarded', ['for=203.0.113.7"'], PEER],
  ] as const) {
    it(what, () => expect(client(field, ...lines)).to.equal(expected));
  }

  /** Texts that a client may put in front of what trusted proxies write. */
  const madeUp = fc.array(
    fc.oneof(
      fc.string(),
      fc.constantFrom('for=', 'for="', '"', '\\', '"\\"', 'for=1.1.1.1;', '1.1.1.1', ';,=', 'for="a, b'),
    ),
  );
  const stranger = fc.ipV4().filter((address) => !proxies.has(address));

  it('is never anything to the left of the first address that is not a proxy', () => {
    fc.assert(
      fc.property(madeUp, stranger, fc.boolean(), (made, address, inOneLine) => {
        const hops = [address, '10.2.2.2'];
        const elements = hops.map((hop) => `for="${hop}";by="a, b";host=x`);
        for (const [field, told] of [['x-forwarded-for', hops] as const, ['forwarded', elements] as const]) {
          const lines = inOneLine ? [[...made, ...told].join(', ')] : [...made, told.join(',')];
          expect(client(field, ...lines), lines.join('\n')).to.equal(address);
        }
      }),
    );
  });

  it('is searched behind at most 32 trusted proxies, however long the list is', () => {
    for (const [field, hop] of [
      ['x-forwarded-for', '10.2.2.2'] as const,
      ['forwarded', 'for=10.2.2.2'] as const,
    ]) {
      let asked = 0;
      const lines = [Array(10_000).fill(hop).join(',')];
      const found = clientAddress(PEER, field, lines, (address) => ++asked > 0 && proxies.has(address));
      expect([found, asked]).to.deep.equal(['10.2.2.2', 32]);
    }
  });
});

describe('the host that was requested of the nearest proxy', () => {
  for (const [what, field, lines, expected] of [
    [
      'is the last of X-Forwarded-Host',
      'x-forwarded-host',
      ['made.up', 'a.example, shop.example:8080 '],
      'shop.example:8080',
    ],
    [
      'is in the last element of Forwarded',
      'forwarded',
      ['host=made.up', 'for=1.1.1.1;host="shop.example:8080"'],
      'shop.example:8080',
    ],
    [
      'is unknown when the last element does not tell it',
      'forwarded',
      ['host=made.up, for=1.1.1.1'],
      undefined,
    ],
    ['is unknown when the last element cannot be parsed', 'forwarded', ['host=made.up, host='], undefined],
    ['is unknown when the list ends empty', 'x-forwarded-host', ['made.up,'], undefined],
    ['is unknown without the field', 'forwarded', [], undefined],
  ] as const) {
    it(what, () => {
      expect(forwardedHost(field === 'forwarded' ? field : 'x-forwarded-for', lines)).to.equal(expected);
    });
  }
});

describe('fields about a client', () => {
  const NAMES = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'] as const;
  const headers = {
    host: 'here.example',
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-host': 'list.example',
    'x-forwarded-proto': 'https',
    forwarded: 'for=198.51.100.1;host=field.example',
  };
  const LIST = ['203.0.113.7', 'list.example', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];

  for (const [sender, trustedProxyField, remoteAddress, told] of [
    ['a proxy that writes X-Forwarded-For', 'x-forwarded-for', '10.0.0.1', LIST],
    [
      'a proxy that writes Forwarded',
      'forwarded',
      '10.0.0.1',
      ['198.51.100.1', 'field.example', 'forwarded'],
    ],
    [
      'a client, beside proxies that write X-Forwarded-For',
      'x-forwarded-for',
      '192.0.2.1',
      ['192.0.2.1', 'here.example'],
    ],
    [
      'a client, beside proxies that write Forwarded',
      'forwarded',
      '192.0.2.1',
      ['192.0.2.1', 'here.example'],
    ],
  ] as const) {
    it(`from ${sender} are trusted as far as that sender is, and hidden otherwise`, async () => {
      const { inject } = bench(
        (app) => {
          app.get('/', (ctx) => [
            ctx.ip,
            ctx.host,
            ...NAMES.filter(
              (name) => ctx.headers.has(name.toUpperCase()) && ctx.headers.getAll(name).length > 0,
            ),
          ]);
        },
        { trustedProxies: ['10.0.0.0/8'], trustedProxyField },
      );
      expect((await inject({ url: '/', headers, remoteAddress })).json()).to.deep.equal(told);
    });
  }

  it('of the kind that the proxy does not write are hidden, because any client can send them', async () => {
    const anything = fc.oneof(
      fc.string(),
      fc.constantFrom('for=10.0.0.1', 'for=1.1.1.1;host=evil', '10.0.0.1'),
    );
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(anything, { maxLength: 3 }), async (writesList, lines) => {
        const trustedProxyField = writesList ? 'x-forwarded-for' : 'forwarded';
        const { inject } = bench((app) => app.get('/', (ctx) => [ctx.ip, ctx.host]), {
          trustedProxies: ['10.0.0.0/8'],
          trustedProxyField,
        });
        const written = writesList
          ? { 'x-forwarded-for': '203.0.113.7', forwarded: lines }
          : { forwarded: 'for=203.0.113.7', 'x-forwarded-for': lines, 'x-forwarded-host': lines };
        const request = { url: '/', headers: { ...written, host: 'shop.example' }, remoteAddress: PEER };
        expect((await inject(request)).json()).to.deep.equal(['203.0.113.7', 'shop.example']);
      }),
      { numRuns: 50 },
    );
  });
});
