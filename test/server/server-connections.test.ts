import { expect } from 'chai';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { bench, settled } from './kit.js';

onCores('the connections of a server', (core) => {
  const { app } = bench((demo) => demo.get('/', () => 'here'));

  it('are closed without a response when the gate rejects them, and each admitted one leaves once', async () => {
    const admitted = { now: 0, everLeft: 0 };
    const server = core.serverOf(app, {
      gate: {
        enter: () => admitted.now < 2 && ++admitted.now > 0,
        leave: () => {
          admitted.now -= 1;
          admitted.everLeft += 1;
        },
        givesUp: () => false,
      },
    });
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    const wires = [await Wire.open(url), await Wire.open(url)];
    for (const wire of wires) expect((await wire.request('GET', '/'))?.status).to.equal(200);
    for (let n = 0; n < 20; n += 1) {
      const beyond = await Wire.open(url);
      expect(await beyond.request('GET', '/')).to.equal(undefined);
    }
    expect(server.connections).to.equal(2);
    expect(admitted).to.deep.equal({ now: 2, everLeft: 0 });

    wires[0]!.destroy();
    while (server.connections > 1) await settled();
    const next = await Wire.open(url);
    expect((await next.request('GET', '/'))?.status).to.equal(200);
    server.close();
    await Promise.all([next.closed(), wires[1]!.closed()]);
    expect(admitted).to.deep.equal({ now: 0, everLeft: 3 });
  });

  it('stay open when it stops listening, and no new one is accepted', async () => {
    const server = core.serverOf(app);
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    const wire = await Wire.open(url);
    expect((await wire.request('GET', '/'))?.status).to.equal(200);
    await Promise.all([server.stopListening(), server.stopListening()]);
    expect((await wire.request('GET', '/'))?.status).to.equal(200);
    const refused = await Wire.open(url).catch((error: NodeJS.ErrnoException) => error.code);
    expect(refused).to.equal('ECONNREFUSED');
    server.close();
    await wire.closed();
  });
});
