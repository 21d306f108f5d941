// The core uWebSockets.js reads and drops a PROXY protocol preamble of any client, also of a trusted proxy:
// the addresses in it must have no effect. On `node:http` it is a malformed request.

import uWS from 'uWebSockets.js';
import { expect } from 'chai';
import { CORE } from '#test/support/core.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { EVERYTHING } from './fixtures/paths.js';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Version 2, PROXY, TCP over IPv4, 12 bytes: 192.0.2.1:80, or another address, to 192.0.2.2:80. */
const tcp4 = (last = 1): number[] => [0x21, 0x11, 0, 12, 192, 0, 2, last, 192, 0, 2, 2, 0, 80, 0, 80];
/** The same over IPv6, 36 bytes: 2001:db8::1 port 80 to 2001:db8::2 port 80. */
const IPV6 = (last: number): number[] => [0x20, 1, 0x0d, 0xb8, ...Array.from({ length: 11 }, () => 0), last];
const TCP6 = [0x21, 0x21, 0, 36, ...IPV6(1), ...IPV6(2), 0, 80, 0, 80];
const REQUEST = 'GET /who HTTP/1.1\r\nHost: x\r\n\r\n';

const preambled = (addresses: readonly number[]): Buffer =>
  Buffer.concat([SIGNATURE, Buffer.from(addresses), Buffer.from(REQUEST)]);

for (const [sender, trusted] of Object.entries({ stranger: '192.0.2.0/24', 'trusted proxy': '127.0.0.1/32' }))
  describe(`a PROXY protocol v2 preamble of a ${sender}`, () => {
    const cluster = useCluster({ config: EVERYTHING, env: { WORKERS: '1', TRUSTED_PROXIES: trusted } });

    for (const [family, addresses] of Object.entries({ IPv4: tcp4(), IPv6: TCP6 })) {
      it(`with ${family} addresses does not change the address of the client`, async () => {
        const wire = await Wire.open(cluster.url);
        try {
          if (CORE === 'node') {
            wire.write(preambled(addresses));
            expect(await wire.response()).to.include({ status: 501, closes: true });
            await wire.closed();
            return;
          }
          // The preamble comes at the beginning of the connection, and again before a later request.
          for (let turn = 0; turn < 2; turn += 1) {
            wire.write(preambled(addresses));
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

describe('the address of a PROXY protocol v2 preamble, as the core reports it', () => {
  it('is not used because any later request of the connection can replace it', async () => {
    const app = uWS.App().get('/who', (response) => {
      response.end(response.getProxiedRemoteAddressAsText());
    });
    const socket = await new Promise<uWS.us_listen_socket>((resolve, reject) => {
      app.listen('127.0.0.1', 0, (made) => {
        if (made === false) reject(new Error('no port is free'));
        else resolve(made);
      });
    });
    const wire = await Wire.open(`http://127.0.0.1:${uWS.us_socket_local_port(socket)}`);
    try {
      const reported: string[] = [];
      for (const bytes of [preambled(tcp4(1)), Buffer.from(REQUEST), preambled(tcp4(66))]) {
        wire.write(bytes);
        reported.push((await wire.response())!.body.toString());
      }
      expect(reported).to.deep.equal(['192.0.2.1', '192.0.2.1', '192.0.2.66']);
    } finally {
      wire.destroy();
      uWS.us_listen_socket_close(socket);
    }
  });
});
