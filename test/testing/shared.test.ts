import { expect } from 'chai';
import { defineService } from '#src/index.js';
import { createTestApp, type TestAppOptions } from '#src/testing.js';
import { withApp } from './with-app.js';

/** A service that uses a breaker, a bulkhead and a rate limit. */
const post = defineService({
  name: 'post',
  routes(app, { shared }) {
    const mail = shared.breaker('mail', { minimumCalls: 2 });
    const files = shared.bulkhead('files', { limit: 1 });
    const sms = shared.rateLimiter('sms', { limit: '1/minute' });
    app.get('/mail', () =>
      mail.run(() => {
        throw new Error('down');
      }),
    );
    app.get('/files', () => files.run(() => files.run(() => 'twice')));
    app.get('/sms', () => ({ admitted: sms.take('+1').allowed }));
  },
});

describe('`shared` in a test app', () => {
  it('has the whole of limits over several processes', async () => {
    const codes = defineService({
      name: 'codes',
      routes(app, { shared }) {
        const limit = shared.rateLimiter('codes', { limit: '2/minute', scope: 'cluster' });
        app.get('/named', () => ({ allowed: limit.take('all').allowed }));
        app.get('/limited', { rateLimit: { limit: '2/minute', scope: 'cluster' } }, () => 'ok');
      },
    });
    await withApp({ services: [codes] }, async (app) => {
      const named = [];
      const statuses = [];
      for (let n = 0; n < 3; n++) {
        named.push((await app.inject('/named')).json());
        statuses.push((await app.inject('/limited')).status);
      }
      expect(named).to.deep.equal([{ allowed: true }, { allowed: true }, { allowed: false }]);
      expect(statuses).to.deep.equal([200, 200, 429]);
    });
  });

  it('is the real implementation', async () => {
    await withApp({ services: [post] }, async (app) => {
      for (let n = 0; n < 2; n++) expect((await app.inject('/mail')).status).to.equal(500);
      const refused = await app.inject('/mail');
      expect(refused.status).to.equal(503);
      expect(refused.headers).to.include({ 'retry-after': '5' });
      expect(refused.json()).to.include({ code: 'BREAKER_OPEN' });
      const line = app.logs.find(({ msg }) => msg === 'breaker changed');
      expect(line).to.include({ service: 'post', endpoint: '~mail', state: 'open' });
      expect((await app.inject('/files')).json()).to.include({ code: 'OVERLOADED' });
      const asked = [await app.inject('/sms'), await app.inject('/sms')].map((response) => response.json());
      expect(asked).to.deep.equal([{ admitted: true }, { admitted: false }]);
    });
  });

  it('is separate in every app', async () => {
    for (let n = 0; n < 2; n++) {
      await withApp({ services: [post] }, async (app) => {
        expect((await app.inject('/sms')).json()).to.deep.equal({ admitted: true });
      });
    }
  });

  it('may be replaced or wrapped', async () => {
    const asked: string[] = [];
    const deps: TestAppOptions['deps'] = {
      post: ({ shared }) => ({
        shared: {
          breaker: (name) => {
            asked.push(name);
            return { run: async () => 'sent' as never, state: { state: 'forced-closed' }, force() {} };
          },
          bulkhead: (name) => shared.bulkhead(name, { limit: 2 }),
          rateLimiter: (name, settings) => shared.rateLimiter(name, settings),
        },
      }),
    };
    await withApp({ services: [post], deps }, async (app) => {
      expect((await app.inject('/mail')).text()).to.equal('sent');
      expect((await app.inject('/files')).text()).to.equal('twice');
      expect(asked).to.deep.equal(['mail']);
    });
  });

  it('is named in the error when a test replaces fewer members than are used', async () => {
    const app = createTestApp({ services: [post], deps: { post: { shared: {} } } });
    const error = await app.catch((thrown: unknown) => thrown as Error);
    expect(error).to.have.property('name', 'ConfigError');
    expect(error).to.have.property('message').that.includes('service "post" uses shared.breaker');
  });
});
