// A listener that closes while open connections keep the thread busy: Node.js accepts one connection in a
// turn of the event loop, which is as long as the requests in it take.
import { get } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Wire } from '#test/support/wire.js';
import { useNodeServers } from './mounted-kit.js';

const KEPT = 5;
const NEW = 40;
const WORK_MS = 3;
const HOT = 'GET /hot HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a listener on node:http that closes', () => {
  const serve = useNodeServers();
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

  it('may listen again, and serves open connections meanwhile', async () => {
    const { server, wire: open } = await serve((app) => app.get('/hot', () => 'hot'));
    const wire = await open();
    for (let round = 0; round < 3; round++) {
      wire.write(HOT);
      expect((await wire.response())!.status).to.equal(200);
      await Promise.all([server.stopListening(), server.stopListening()]);
      wire.write(HOT);
      expect((await wire.response())!.status).to.equal(200);
      const port = await server.listen(0, '127.0.0.1');
      await new Promise((resolve) => get({ port, path: '/hot' }, (response) => resolve(response.resume())));
    }
    wire.destroy();
  });
});
