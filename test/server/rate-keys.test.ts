// Two limits of one route: that of the setting, by address, and its own, whose keys clients may choose.
import { expect } from 'chai';
import fc from 'fast-check';
import { parseRate } from '#src/rate.js';
import type { RateLimitOption } from '#src/server/handler.js';
import { usageNow } from '#test/memory/usage-now.js';
import { bench } from './kit.js';

/** A limit that grants no further admission while a test runs. */
const A_DAY = (burst: number) => `1/minute;burst=${burst}` as const;

/** Ways in which a client chooses its key. */
const CHOSEN = {
  'a header field': {
    key: { header: 'x-key' },
    url: () => '/',
    headers: (key: string) => ({ 'x-key': key }),
  },
  'a function of the query': {
    key: (ctx: { readonly query: { get(name: string): string | undefined } }) => ctx.query.get('key') ?? '',
    url: (key: string) => `/?key=${key}`,
    headers: () => ({}),
  },
} as const;

/** Keys that no client chooses. `of` returns the key of a request for the limit of the route. */
const FIXED = {
  'the address': { key: 'address', url: () => '/', headers: () => ({}), of: (address: string) => address },
  'all clients together': { key: 'global', url: () => '/', headers: () => ({}), of: () => 'all' },
} as const;

describe('a limit of a route, beside that of the client address', () => {
  for (const [what, way] of Object.entries({ ...CHOSEN, ...FIXED })) {
    const { key, url, headers } = way;
    const isChosen = !('of' in way);
    const keyOf = isChosen ? (_address: string, chosen: string): string => chosen : way.of;
    const setUp = (perKey: number, perAddress: number) => {
      const rateLimit = { limit: A_DAY(perKey), key: key as never } satisfies RateLimitOption;
      const world = bench((app) => app.get('/', { rateLimit }, () => 'ok'), {
        rateLimit: parseRate(A_DAY(perAddress))!,
      });
      const send = async (address: string, of: string) => {
        world.rateClock.now += 1;
        const request = { url: url(of), headers: headers(of), remoteAddress: address };
        const { status, headers: fields } = await world.inject(request);
        const limits = [...(fields['ratelimit-policy'] ?? '').matchAll(/"(\w+)"/g)].map(([, name]) => name);
        return { status, limits };
      };
      return { ...world, send };
    };

    if (isChosen)
      it(`(${what}) takes no row for keys of an address that is limited itself`, async () => {
        const { send, rateTable } = setUp(100, 5);
        const statuses: number[] = [];
        for (let n = 0; n < 200; n++) statuses.push((await send('192.0.2.1', `random${n}`)).status);
        expect(statuses).to.deep.equal([...Array(5).fill(200), ...Array(195).fill(429)]);
        // One row for the address, and one for each admitted key.
        expect(usageNow(rateTable).inUse).to.equal(6);
      });

    it(`(${what}) charges neither limit for what the other refuses`, async () => {
      const addresses = fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3');
      const requests = fc.array(fc.tuple(addresses, fc.constantFrom('a', 'b', 'c')), { maxLength: 40 });
      const bursts = fc.integer({ min: 2, max: 5 });
      await fc.assert(
        fc.asyncProperty(requests, bursts, bursts, async (sequence, perKey, perAddress) => {
          const { send, rateTable } = setUp(perKey, perAddress);
          const taken = new Map<string, number>();
          const left = (name: string, burst: number): number => burst - (taken.get(name) ?? 0);
          const charge = (name: string): unknown => taken.set(name, (taken.get(name) ?? 0) + 1);
          for (const [address, chosen] of sequence) {
            const names = [`default ${address}`, `route ${keyOf(address, chosen)}`];
            const full = [names[0]!, names[1]!].filter(
              (name, limit) => left(name, [perAddress, perKey][limit]!) === 0,
            );
            const { status, limits } = await send(address, chosen);
            expect(status).to.equal(full.length === 0 ? 200 : 429);
            if (full.length === 0) {
              expect(limits).to.have.members(['default', 'route']);
              names.forEach(charge);
            } else {
              expect(limits).to.have.length(1);
              expect(full.map((name) => name.split(' ')[0])).to.include(limits[0]);
            }
          }
          expect(usageNow(rateTable).inUse).to.equal(taken.size);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('calls a key function once per request', async () => {
    let asked = 0;
    const key = (): string => `k${++asked}`;
    const { inject } = bench((app) => app.get('/', { rateLimit: { limit: '9/minute', key } }, () => 'ok'), {
      rateLimit: parseRate('9/minute')!,
    });
    for (let n = 1; n < 4; n++) {
      expect((await inject({ url: '/' })).status).to.equal(200);
      expect(asked).to.equal(n);
    }
  });
});
