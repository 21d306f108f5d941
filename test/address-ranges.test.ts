import { BlockList, isIP, isIPv6 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { AddressRanges, completeRange } from '#src/address-ranges.js';

const RANGES = ['127.0.0.0/8', '10.0.0.0/8', '::1/128', 'fc00::/7', 'fe80::/10'];
const ranges = new AddressRanges(RANGES);
const everything = new AddressRanges(['0.0.0.0/0', '::/0']);

/** What `has` must return, by the rules of Node.js alone. */
const list = new BlockList();
for (const range of RANGES) {
  const [address = '', prefix] = range.split('/');
  list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
}
const isListed = (text: string): boolean =>
  isIP(text) !== 0 && list.check(text.split('%')[0]!, isIPv6(text) ? 'ipv6' : 'ipv4');

/** Pieces from which texts are made that are addresses, or nearly so. */
const PIECES =
  '0 1 01 9 10 127 255 256 1e3 . . . : : :: ::1 ::ffff: fe80:: fc00 abcd 12345 g % %lo %eth0.1 / /8 - [ ]'
    .split(' ')
    .concat([' ', '\0', '\n', '%25', '٣', '']);
const octets = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 3, maxLength: 5 });
const groups = fc.array(fc.integer({ min: 0, max: 0x1ffff }), { minLength: 6, maxLength: 9 });
const whole = fc.oneof(
  octets.map((numbers) => numbers.join('.')),
  groups.map((numbers) => numbers.map((number) => number.toString(16)).join(':')),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom('127.0.0.1', '10.1.2.3', '::1', 'fe80::1', 'fc00::1', '::ffff:127.0.0.1'),
);
const zone = fc.oneof(
  fc.constant(''),
  fc.constantFrom('%', '%%', '%lo', '%eth0.1', '%a:b', '%a%b', '%é', '%a b', '%-', '%lo\n', '%\0'),
  fc.string({ maxLength: 3 }).map((text) => `%${text}`),
);
const text = fc.oneof(
  fc.tuple(whole, zone).map((parts) => parts.join('')),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 10 }).map((parts) => parts.join('')),
  fc.string({ maxLength: 20 }),
);
const runs = {
  numRuns: 5_000,
  examples: [['::1%'], ['::1%lo'], ['1.2.3.4%:'], ['127.0.0.1%lo'], ['']] as [string][],
};

describe('ranges of addresses', () => {
  it('contain no text that is no address for Node.js, and every address in a range', () => {
    fc.assert(
      fc.property(text, (text) => {
        expect(everything.has(text), JSON.stringify(text)).to.equal(isIP(text) !== 0);
        expect(ranges.has(text), JSON.stringify(text)).to.equal(isListed(text));
      }),
      runs,
    );
  });

  it('are made of addresses without a zone', () => {
    fc.assert(
      fc.property(text, (text) => {
        const address = text.trim();
        fc.pre(!address.includes('/'));
        const isRange = isIP(address) !== 0 && !address.includes('%');
        expect(completeRange(text) !== undefined, JSON.stringify(text)).to.equal(isRange);
      }),
      runs,
    );
  });
});
