// The core reads and drops a PROXY protocol preamble of any client: the addresses in it must have no effect.

import { expect } from 'chai';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { EVERYTHING } from './fixtures/paths.js';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Version 2, PROXY, TCP over IPv4, 12 bytes: 192.0.2.1:80 to 192.0.2.2:80. */
const TCP4 = [0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 0, 80];
/** The same over IPv6, 36 bytes: 2001:db8::1 port 80 to 2001:db8::2 port 80. */
const IPV6 = (last: number): number[] => [0x20, 1, 0x0d, 0xb8, ...Array.from({ length: 11 }, () => 0), last];
const TCP6 = [0x21, 0x21, 0, 36, ...IPV6(1), ...IPV6(2), 0, 80, 0, 80];
const REQUEST = 'GET /who HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a PROXY protocol v2 preamble', () => {
  const cluster = useCluster({ config: EVERYTHING, env: { WORKERS: '1' } });

  for (const [family, addresses] of Object.entries({ IPv4: TCP4, IPv6: TCP6 })) {
    it(`with ${family} addresses does not change the address of the client`, async () => {
      const wire = await Wire.open(cluster.url);
      try {
        const preamble = Buffer.concat([SIGNATURE, Buffer.from(addresses)]);
        // The preamble comes at the beginning of the connection, and again before a later request.
        for (let turn = 0; turn < 2; turn += 1) {
          wire.write(Buffer.concat([preamble, Buffer.from(REQUEST)]));
          const response = await wire.response();
          expect(response?.status).to.equal(200);
          expect(JSON.parse(response!.body.toString())).to.include({ ip: '127.0.0.1' });
        }
      } finally {
        wire.destroy();
      }
    });
  }
});
