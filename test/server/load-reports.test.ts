import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { ServedLoads } from '#src/memory/served-load.js';
import { meshTokens } from '#src/mesh-token.js';
import type { Application } from '#src/server/handler.js';
import { bench, latch, settled } from './kit.js';

const SECRET = '0123456789abcdef0123456789abcdef';
const PEER = { 'x-mesh-token': meshTokens(SECRET)('demo') };
const FIELD = 'x-multilane-load';

function reporting(fill: (app: Application) => void) {
  const loads = new ServedLoads(Block.create({ workers: 1 }), 1, () => 0);
  return { ...bench(fill, { meshToken: SECRET, loads }), load: loads.of('demo', 'process') };
}

describe('reports of load', () => {
  it('go to callers with the mesh token of the service, and to no others', async () => {
    const { app, inject } = reporting((routes) => routes.get('/a', () => 'a'));
    app.mount('other', (routes) => routes.get('/b', () => 'b'));
    expect((await inject({ url: '/a', headers: PEER })).headers[FIELD]).to.match(/^0;us=\d+$/);
    expect((await inject({ url: '/a' })).headers).to.not.have.property(FIELD);
    const wrong = { 'x-mesh-token': meshTokens(`${SECRET}x`)('demo') };
    expect((await inject({ url: '/a', headers: wrong })).headers).to.not.have.property(FIELD);
    expect((await inject({ url: '/b', headers: PEER })).headers).to.not.have.property(FIELD);
    expect((await inject({ url: '/none', headers: PEER })).headers).to.not.have.property(FIELD);
  });

  it('cannot be set by a handler or a request', async () => {
    const { inject } = reporting((routes) => {
      routes.get('/a', (ctx) => ctx.header(FIELD, '9;us=9').text('a'));
    });
    expect((await inject({ url: '/a' })).headers).to.not.have.property(FIELD);
    const { headers } = await inject({ url: '/a', headers: { ...PEER, [FIELD]: '7;us=7' } });
    expect(headers[FIELD]).to.match(/^0;us=/);
  });

  it('count the requests that are worked on beside this one, those of strangers included', async () => {
    const door = latch();
    const { inject, load } = reporting((routes) => {
      routes.get('/slow', () => door.opened.then(() => 'done'));
      routes.get('/quick', () => 'done');
    });
    const slow = [inject({ url: '/slow' }), inject({ url: '/slow', headers: PEER })];
    await settled();
    expect((await inject({ url: '/quick', headers: PEER })).headers[FIELD]).to.match(/^2;us=/);
    door.open();
    await Promise.all(slow);
    expect(load.report(0)).to.match(/^0;us=/);
  });

  it('count a request as long as its handler runs, and a stream until it begins', async () => {
    const [door, end] = [latch(), latch()];
    const { inject, load } = reporting((routes) => {
      routes.get('/goes-on', async (ctx) => {
        const sent = ctx.text('at once');
        await door.opened;
        return sent;
      });
      routes.get('/stream', (ctx) =>
        ctx.stream(
          (async function* () {
            yield 'first';
            await end.opened;
          })(),
        ),
      );
    });
    const first = inject({ url: '/goes-on' });
    const stream = inject({ url: '/stream' });
    await settled();
    expect(load.report(0)).to.match(/^1;us=/);
    door.open();
    end.open();
    await Promise.all([first, stream]);
    await settled();
    expect(load.report(0)).to.match(/^0;us=/);
  });

  it('ride on refusals and failures, whose time does not count as that of requests', async () => {
    const { inject, world, load } = reporting((routes) => {
      routes.get('/fails', () => {
        throw new Error('broken');
      });
    });
    expect((await inject({ url: '/fails', headers: PEER })).headers[FIELD]).to.equal('0;us=0');
    world.permits = 0;
    const refused = await inject({ url: '/fails', headers: PEER });
    expect([refused.status, refused.headers[FIELD]]).to.deep.equal([503, '0;us=0']);
    expect(load.report(0)).to.equal('0;us=0');
  });
});
