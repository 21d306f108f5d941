// A listener that closes while open connections keep the thread busy: Node.js accepts one connection in a
// turn of the event loop, which is as long as the requests in it take.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { NodeServer } from '#src/server/node/node-server.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { Wire } from '#test/support/wire.js';
import { bench } from '../kit.js';
import { SETTINGS, useNodeServers } from './mounted-kit.js';

const KEPT = 5;
const NEW = 40;
const WORK_MS = 3;
const HOT = 'GET /hot HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a listener on node:http that closes', () => {
  const serve = useNodeServers();
  const folder = mkdtempSync(join(tmpdir(), 'multilane-listener-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const never = new Int32Array(new SharedArrayBuffer(4));

  it('accepts what waits before it serves further requests of open connections', async () => {
    let hot = 0;
    const {
      server,
      wire: open,
      url,
    } = await serve((app) => {
      app.get('/hot', () => {
        hot++;
        Atomics.wait(never, 0, 0, WORK_MS);
        return 'hot';
      });
      app.get('/new', () => 'new');
    });
    const wires = await Promise.all(Array.from({ length: KEPT }, open));
    for (const wire of wires) {
      wire.write(HOT);
      await wire.response();
    }
    let isOver = false;
    const loop = async (wire: Wire): Promise<number> => {
      for (let responses = 0; ; responses++) {
        if (isOver) return responses;
        wire.write(HOT);
        expect((await wire.response())!.status).to.equal(200);
      }
    };
    const loops = wires.map(loop);
    const port = Number(new URL(url).port);
    const clients = Array.from({ length: NEW }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('GET /new HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      return text(socket);
    });
    const before = hot;
    await server.stopListening();
    const during = hot - before;
    for (const response of await Promise.all(clients)) expect(response).to.match(/^HTTP\/1\.1 200 /);
    isOver = true;
    // All go on.
    for (const responses of await Promise.all(loops)) expect(responses).to.be.above(0);
    // Their requests may have been read already.
    expect(during).to.be.at.most(2 * KEPT);
    for (const wire of wires) wire.destroy();
  });

  for (const scheme of ['http', 'https'])
    it(`may listen again, and open connections are served in between (${scheme})`, async function () {
      const world = bench((app) => void app.get('/hot', () => 'hot'));
      let tls: TestCertificate | undefined;
      if (scheme === 'https') {
        needsOpenssl(this);
        tls = makeCertificate(folder, 'server');
      }
      const server = new NodeServer(world.app, { settings: SETTINGS, tls });
      const url = `${scheme}://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
      const wire = await Wire.open(url, tls?.ca);
      for (let round = 0; round < 3; round++) {
        wire.write(HOT);
        expect((await wire.response())!.status).to.equal(200);
        const stopped = Promise.all([server.stopListening(), server.stopListening()]);
        wire.write(HOT);
        await stopped;
        expect((await wire.response())!.status).to.equal(200);
        const port = await server.listen(0, '127.0.0.1');
        const other = await Wire.open(`${scheme}://127.0.0.1:${port}`, tls?.ca);
        other.write(HOT);
        expect((await other.response())!.status).to.equal(200);
        other.destroy();
      }
      wire.destroy();
      server.close();
    });
});
