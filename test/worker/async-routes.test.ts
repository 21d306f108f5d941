import { expect } from 'chai';
import type { Application, ServiceDefinition } from '#src/index.js';
import { collectRoutes } from '#src/server/route-declarations.js';
import { createLogger } from '#src/telemetry/log.js';
import { mounted } from './mounted-service-fixture.js';

describe('routes(app, deps) of a mounted service', () => {
  const log = createLogger({ logLevel: 'silent', logFormat: 'json' }, {}, { write() {}, flush() {} });

  for (const [what, routes] of [
    ['is async', async () => undefined],
    ['is async and fails', async () => Promise.reject(new Error('too late'))],
    [
      'returns a promise after it has declared a route',
      (app) => {
        app.get('/there', () => ({}));
        return Promise.resolve();
      },
    ],
  ] as readonly [string, (app: Application) => unknown][]) {
    it(`is refused when it ${what}`, () => {
      const { service } = mounted(log, routes as ServiceDefinition['routes']);
      const mount = (): unknown =>
        collectRoutes(
          (app) => service.routes(app),
          () => 'dropped' as never,
        );
      expect(mount).to.throw(TypeError, 'routes(app) is async');
    });
  }
});
