import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { countConnections } from '#src/primary/connection-census.js';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1\n`;

describe('a census of connections', () => {
  it('counts those of one port by client, of IPv6 by network, and none that is not open', () => {
    const counts = new Map<string, number>();
    countConnections(
      HEAD +
        line('0100007F:1F90', '0200007F:C001', '01') +
        line('0100007F:1F90', '0200007F:C002', '08') +
        line('0100007F:1F90', '0300007F:C003', '06') +
        line('0100007F:1F90', '00000000:0000', '0A') +
        line('0100007F:1F91', '0200007F:C004', '01'),
      8080,
      counts,
    );
    const loopback = '00000000000000000000000001000000';
    countConnections(
      HEAD +
        line(`${loopback}:1F90`, 'B80D0120000000000000000001000000:C001', '01') +
        line(`${loopback}:1F90`, 'B80D0120000000000000000002000000:C001', '01') +
        line(`${loopback}:1F90`, '0000000000000000FFFF00000200007F:C005', '01'),
      8080,
      counts,
    );
    expect([...counts]).to.deep.equal([
      ['127.0.0.2', 3],
      ['2001:db8:0:0::/64', 2],
    ]);
  });

  it('finds what this machine really has open', async function () {
    if (process.platform !== 'linux') this.skip();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const sockets: Socket[] = [];
    for (const localAddress of ['127.0.0.2', '127.0.0.2', '127.0.0.3']) {
      const socket = connect({ host: '127.0.0.1', port, localAddress });
      await once(socket, 'connect');
      sockets.push(socket);
    }
    const counts = new Map<string, number>();
    countConnections(readFileSync('/proc/self/net/tcp', 'latin1'), port, counts);
    expect([...counts].sort()).to.deep.equal([
      ['127.0.0.2', 2],
      ['127.0.0.3', 1],
    ]);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
