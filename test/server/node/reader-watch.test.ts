import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { ReaderWatch, takenBytes } from '#src/server/node/reader-watch.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { newDataDir } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { ManualTicker } from '../kit.js';

const IDLE_MS = 5000;
const LARGE = Buffer.alloc(32_000_000);

async function read(client: Socket, bytes: number): Promise<void> {
  let left = bytes;
  while (left > 0) {
    const piece = client.read() as Buffer | null;
    if (piece === null) await once(client, 'readable');
    else left -= piece.length;
  }
}

describe('the watch over a client that reads', () => {
  let folder: string;
  before(() => {
    folder = newDataDir();
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const isSecure of [false, true]) {
    it(`cuts it only when it takes nothing${isSecure ? ', over TLS' : ''}`, async function () {
      if (isSecure) needsOpenssl(this);
      const { certFile, keyFile, ca } = isSecure
        ? makeCertificate(folder, 'watch')
        : { certFile: '', keyFile: '', ca: '' };
      const server = isSecure
        ? createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
        : createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const client = isSecure
        ? connectTls({ port, host: '127.0.0.1', ca })
        : connect({ port, host: '127.0.0.1' });
      const [socket] = (await once(server, isSecure ? 'secureConnection' : 'connection')) as [Socket];
      const ticker = new ManualTicker();
      let cuts = 0;
      const watch = new ReaderWatch(new TimerWheel(() => undefined, ticker), IDLE_MS, socket, () => cuts++);
      socket.write(LARGE);
      const length = socket.writableLength;
      let taken = await until(
        () => takenBytes(socket),
        (bytes) => bytes > 0,
      );
      watch.start();
      for (let reads = 0; reads < 3; reads++) {
        ticker.advance(IDLE_MS - 500);
        await read(client, 4_000_000);
        await until(
          () => takenBytes(socket),
          (bytes) => bytes > taken,
        );
        taken = takenBytes(socket);
        // All is one write for Node.js.
        expect([cuts, socket.writableLength]).to.deep.equal([0, length]);
      }
      ticker.advance(3 * IDLE_MS);
      expect(cuts).to.equal(1);
      watch.stop();
      client.destroy();
      socket.destroy();
      server.close();
    });
  }

  /** Bytes that are written to a connection, and those of them that wait. */
  const changes: readonly (readonly [was: [number, number], is: [number, number], cuts: number])[] = [
    [[200, 100], [200, 100], 1],
    [[200, 100], [200, 90], 0],
    [[200, 100], [300, 200], 1],
    [[200, 100], [300, 100], 0],
  ];
  for (const isSecure of [false, true])
    for (const [was, is, cuts] of changes)
      it(`cuts it ${cuts} times when ${was.join(', ')} become ${is.join(', ')}${isSecure ? ', over TLS' : ''}`, () => {
        const ticker = new ManualTicker();
        const handle = { bytesWritten: was[0], writeQueueSize: was[1] };
        const above = { bytesWritten: 900, writeQueueSize: 900, _parent: handle };
        let count = 0;
        const socket = { writableLength: 1, _handle: isSecure ? above : handle } as unknown as Duplex;
        const watch = new ReaderWatch(
          new TimerWheel(() => undefined, ticker),
          IDLE_MS,
          socket,
          () => count++,
        );
        watch.start();
        [handle.bytesWritten, handle.writeQueueSize] = is;
        ticker.advance(IDLE_MS + 500);
        expect(count).to.equal(cuts);
      });
});
