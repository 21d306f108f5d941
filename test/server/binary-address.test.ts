import { SocketAddress } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { addressText } from '#src/server/binary-address.js';

describe('addresses', () => {
  it('are dotted decimal for IPv4, even when it is mapped into IPv6', () => {
    expect(addressText(Uint8Array.of(127, 0, 0, 1))).to.equal('127.0.0.1');
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 7);
    expect(addressText(mapped)).to.equal('10.0.0.7');
    expect(addressText(new Uint8Array(0))).to.equal('');
  });

  it('are spelled for IPv6 as the system spells them', () => {
    const byte = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), (bytes) => {
        // The system writes a dotted tail behind ten or twelve zero bytes; we only when it is a mapped
        // address.
        fc.pre(bytes.slice(0, 10).some((b) => b !== 0));
        const full = Array.from({ length: 8 }, (_, i) =>
          ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
        ).join(':');
        const expected = new SocketAddress({ address: full, family: 'ipv6' }).address;
        expect(addressText(Uint8Array.from(bytes))).to.equal(expected);
      }),
    );
  });
});
