import { expect } from 'chai';
import type { Application, WebSocketOptions } from '#src/server/handler.js';
import { bench } from './kit.js';

const bad: readonly (readonly [string, WebSocketOptions<unknown>, string])[] = [
  ['an idle time that would end the process', { idleTimeoutMs: 7_999 }, 'idleTimeoutMs must be'],
  ['one above it', { idleTimeoutMs: 960_001 }, 'idleTimeoutMs must be'],
  ['one that is no number', { idleTimeoutMs: Number.NaN }, 'idleTimeoutMs must be'],
  ['no payload', { maxPayload: 0 }, 'maxPayload must be'],
  ['a payload above the limit of the core', { maxPayload: 2 ** 31 }, 'maxPayload must be'],
  ['half a byte of backpressure', { maxBackpressure: 0.5 }, 'maxBackpressure must be'],
  ['an unknown policy', { onBackpressureLimit: 'wait' as 'drop' }, 'onBackpressureLimit must be'],
  ['an origin with a path', { origins: ['https://a.example/'] }, 'origins must be'],
  ['an origin that is none', { origins: ['a.example'] }, 'origins must be'],
  ['a subprotocol with a comma', { protocols: ['a,b'] }, 'protocols must be'],
  ['an unknown option', { maxPayLoad: 1 } as never, 'unknown option "maxPayLoad"'],
  ['a callback that is none', { message: 'echo' as never }, 'message must be a function'],
  ['a deadline of nothing', { timeoutMs: 0 }, 'timeoutMs must be'],
];

describe('declaring a WebSocket route', () => {
  for (const [what, options, message] of bad) {
    it(`fails for ${what}, naming the route`, () => {
      const declare = (app: Application): unknown => app.ws('/chat/:room', options);
      expect(() => bench(declare)).to.throw(TypeError, new RegExp(`/chat/:room: ${message}`));
    });
  }

  it('accepts the smallest and the largest limits', () => {
    const { app } = bench((demo) => {
      demo.ws('/a', { idleTimeoutMs: 8_000, maxPayload: 1, maxBackpressure: 1, origins: '*' });
      demo.ws('/b', { idleTimeoutMs: 960_000, origins: ['https://a.example', 'http://b.example:8080'] });
    });
    expect(app.routes()).to.have.length(2);
  });

  it('fails where a GET route has the path', () => {
    const declare = (app: Application): void => {
      app.get('/chat', () => 'page');
      app.ws('/chat', {});
    };
    expect(() => bench(declare)).to.throw(TypeError, 'route GET /chat: it has declared GET /chat already');
  });

  it('lists it as a GET route that is a WebSocket, with the options of its group', () => {
    const { app } = bench((demo) => {
      demo.group('/live', { internal: true }, (live) => live.ws('/:room', { summary: 'Chat' }));
    });
    expect(app.routes()).to.deep.equal([
      {
        service: 'demo',
        method: 'GET',
        path: '/live/:room',
        template: '/live/{room}',
        webSocket: true,
        options: { internal: true, summary: 'Chat' },
      },
    ]);
  });

  it('opens no WebSocket for requests in memory', async () => {
    const { inject } = bench((demo) => demo.ws('/chat', {}));
    const headers = {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const answer = await inject({ url: '/chat', headers });
    expect(answer.status).to.equal(426);
    expect(answer.json()).to.include({ code: 'UPGRADE_REQUIRED' });
  });

  it('refuses an invalid topic or message', () => {
    let publish: Application['publish'] = () => {};
    bench((demo) => {
      publish = (...message) => demo.publish(...message);
    });
    expect(() => publish('', 'x')).to.throw(TypeError, 'topic');
    expect(() => publish('news', { a: 1 } as never)).to.throw(TypeError, 'message');
  });
});
