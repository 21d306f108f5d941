import { expect } from 'chai';
import type { Logger } from 'pino';
import { bench } from './kit.js';

/** Whatever a service may do to a logger that it was given. */
const CHANGES: Readonly<Record<string, (log: Logger) => void>> = {
  'binds fields': (log) => log.setBindings({ userId: 'alice' }),
  'sets the level': (log) => void Object.assign(log, { level: 'silent' }),
  'takes a method away': (log) =>
    void Object.assign(log, { error: undefined, warn: undefined, child: undefined }),
};

describe('server/context: its logger', () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    it(`concerns its request alone when a handler ${what}`, async () => {
      const { inject, logs } = bench((app) => {
        app.get('/changes', (ctx) => {
          change(ctx.log);
          throw new Error('after the change');
        });
        app.get('/logs', (ctx) => ctx.log.error('logged as ever'));
      });
      expect((await inject({ url: '/changes' })).status).to.equal(500);
      expect((await inject({ url: '/logs' })).status).to.equal(204);
      expect(logs.map(({ msg }) => msg)).to.deep.equal(['a handler failed', 'logged as ever']);
      for (const line of logs) expect(line).to.not.have.property('userId');
    });
  }

  it('is one logger for the whole request', async () => {
    const { inject, logs } = bench((app) => {
      app.hook('onRequest', (ctx) => ctx.log.setBindings({ userId: 'alice' }));
      app.get('/', (ctx) => ctx.log.info('hello'));
    });
    await inject({ url: '/' });
    expect(logs[0]).to.include({ msg: 'hello', userId: 'alice' });
  });
});
