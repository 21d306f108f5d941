import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { TextPage } from '#src/memory/text-page.js';
import { App } from '#src/server/app.js';
import { inject } from '#src/server/inject.js';
import { writeSwitchedOff } from '#src/server/kill-switch.js';
import { bench } from './kit.js';

function setUp() {
  const block = Block.create({ workers: 1 });
  const primary = new TextPage(block);
  const around = bench(() => undefined);
  const app = new App({ ...around.app.options, switchedOff: new TextPage(block) });
  let ran = 0;
  app.mount('system', (routes) => routes.get('/health', () => 'well'), { unlimited: true });
  app.mount('demo', (routes) => {
    routes.hook('onRequest', () => void ran++);
    routes.get('/items/:id', () => 'item');
    routes.post('/items/:id', { internal: true }, () => 'posted');
    routes.get('/other', () => 'other');
    routes.ws('/chat/:room', { message() {} });
  });
  const ask = async (method: string, url: string, inProcess = false) => {
    const { status, headers, body } = await inject(app, { method, url, inProcess });
    return { status, headers, text: Buffer.from(body).toString() };
  };
  const off = (routes: Record<string, number>): void => primary.publish(writeSwitchedOff(routes));
  return { ask, off, app, around, hooksRun: () => ran };
}

describe('a route that is switched off', () => {
  it('responds 503 OVERLOADED with its Retry-After, and none of its code runs', async () => {
    const { ask, off, around, hooksRun } = setUp();
    expect((await ask('GET', '/items/7')).text).to.equal('item');
    const ran = hooksRun();
    off({ 'GET /items/{id}': 45 });
    const refused = await ask('GET', '/items/7');
    expect(refused.status).to.equal(503);
    expect(refused.headers).to.include({
      'retry-after': '45',
      'content-type': 'application/problem+json',
    });
    expect(JSON.parse(refused.text)).to.include({ code: 'OVERLOADED', status: 503 });
    expect(hooksRun()).to.equal(ran);
    expect(around.observer.refusals).to.deep.equal(['switched_off']);
    expect(around.observer.seen.at(-1)).to.include({
      template: '/items/{id}',
      status: 503,
      error: 'SWITCHED_OFF',
    });
    // The refusal takes no permit.
    expect(around.world.permits).to.equal(Number.POSITIVE_INFINITY);
  });

  it('is off for HEAD, OPTIONS and in-process calls too, and for no other route or method', async () => {
    const { ask, off, hooksRun } = setUp();
    off({ 'GET /items/{id}': 30 });
    expect((await ask('HEAD', '/items/7')).status).to.equal(503);
    const ran = hooksRun();
    expect((await ask('OPTIONS', '/items/7')).status).to.equal(503);
    expect(hooksRun()).to.equal(ran);
    expect((await ask('GET', '/items/7', true)).status).to.equal(503);
    expect((await ask('POST', '/items/7', true)).text).to.equal('posted');
    expect((await ask('GET', '/other')).text).to.equal('other');
    off({ 'POST /items/{id}': 30 });
    expect((await ask('POST', '/items/7', true)).status).to.equal(503);
    // Callers that must not know of an internal route do not learn of it.
    expect((await ask('POST', '/items/7')).status).to.equal(405);
    expect((await ask('GET', '/items/7')).text).to.equal('item');
  });

  it('may be a WebSocket: its handshake is refused', async () => {
    const { ask, off } = setUp();
    expect((await ask('GET', '/chat/a')).status).to.equal(426);
    off({ 'GET /chat/{room}': 30 });
    expect((await ask('GET', '/chat/a')).status).to.equal(503);
  });

  it('serves again with the next request after it was switched on', async () => {
    const { ask, off } = setUp();
    for (let round = 0; round < 3; round++) {
      off({ 'GET /other': 1 });
      expect((await ask('GET', '/other')).status).to.equal(503);
      off({});
      expect((await ask('GET', '/other')).status).to.equal(200);
    }
  });

  it('is never a route that reports the state of the process, whatever the page lists', async () => {
    const { ask, off, app } = setUp();
    off({ 'GET /health': 30 });
    expect((await ask('GET', '/health')).text).to.equal('well');
    expect(app.switchable().map(({ method, template }) => `${method} ${template}`)).to.deep.equal([
      'GET /items/{id}',
      'POST /items/{id}',
      'GET /other',
      'GET /chat/{room}',
    ]);
  });
});
