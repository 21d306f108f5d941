import { expect } from 'chai';
import fc from 'fast-check';
import { Type } from '#src/index.js';
import { SecretPaths } from '#src/redaction/secret-paths.js';
import { clientSpan } from '#src/telemetry/spans.js';
import { bench } from './server/kit.js';

const SECRET = 'hush4711';
const NAMES = ['token', 'resetToken', 'password', 'api_key', 'sessionId', 'otp'];

describe('the secrets in parameters of paths', () => {
  const segment = fc.stringMatching(/^[a-z]{1,8}$/);

  it('are masked by the name of the parameter, and no other part of a path is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(segment, fc.constantFrom('{id}', '{name}', '{tokenType}')), { maxLength: 4 }),
        fc.constantFrom(...NAMES),
        fc.array(segment, { maxLength: 3 }),
        (before, name, behind) => {
          const paths = new SecretPaths();
          paths.add(`/${[...before, `{${name}}`].join('/')}`);
          const pathOf = (value: string): string =>
            `/${[...before.map((part) => part.replace(/\W/g, 'x')), value, ...behind].join('/')}`;
          expect(paths.mask(pathOf(SECRET))).to.equal(pathOf('[redacted]'));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('are told from static parts, and from parameters of other routes', () => {
    const paths = new SecretPaths();
    for (const one of ['/a/list', '/a/{token}', '/a/{id}/b', '/users/{id}', '/files/*', '/c/{tokenType}/d'])
      paths.add(one);
    const shown = ['/a/list', '/a/', '/users/7', '/files/a/b', '/c/bearer/d', '/', '', '*', '/a'];
    for (const path of shown) expect(paths.mask(path)).to.equal(path);
    expect(paths.mask(`/a/${SECRET}/b`)).to.equal('/a/[redacted]/b');
  });

  it('are masked behind the prefix of the gateway as well', () => {
    const paths = new SecretPaths();
    paths.add('/svc/auth/*', 'route');
    paths.add('/reset/{token}/{id}');
    expect(paths.mask(`/svc/auth/reset/${SECRET}/7`)).to.equal('/svc/auth/reset/[redacted]/7');
    expect(paths.mask('/svc/auth')).to.equal('/svc/auth');
  });

  it('are masked behind the prefix of a mounted application, whose parameters are unknown', () => {
    const paths = new SecretPaths();
    paths.add('/app/*', 'application');
    paths.add('/svc/auth/*', 'route');
    paths.add('/app/token/{id}');
    paths.add('/app/token/list');
    paths.add('/api/{token}/x');
    paths.add('/api/public/*', 'application');
    const before = ['reset', 'token', 'tokens', 'password-reset', 'api_key', 'Verify', 'invite'];
    for (const word of before.filter((each) => each !== 'token'))
      expect(paths.mask(`/app/v1/${word}/${SECRET}/edit`)).to.equal(`/app/v1/${word}/[redacted]/edit`);
    expect(paths.mask(`/svc/auth/app/reset/${SECRET}`)).to.equal('/svc/auth/app/reset/[redacted]');
    // What precedes a secret may be one itself.
    expect(paths.mask(`/app/x/reset/token/${SECRET}`)).to.equal('/app/x/reset/[redacted]/[redacted]');
    const shown = [
      '/app',
      '/app/',
      '/app/users/7',
      '/app/reset',
      '/app/reset/',
      '/app/token/7',
      '/api/public/q',
    ];
    for (const path of [...shown, '/app/token/list', '/other/reset/7'])
      expect(paths.mask(path)).to.equal(path);
  });

  it('are masked in paths of an application that has all of them, except those of routes', () => {
    const paths = new SecretPaths();
    paths.add('/*', 'application');
    paths.add('/reset/{user}');
    expect(paths.mask(`/verify/${SECRET}`)).to.equal('/verify/[redacted]');
    expect(paths.mask('/reset/ann')).to.equal('/reset/ann');
    expect(paths.mask('/')).to.equal('/');
  });

  it('are in no line, span or problem, whether a route serves the request or none does', async () => {
    const { inject, logs, tracing } = bench(
      (app) => {
        app.post('/reset/:token', (ctx) => {
          ctx.log.info({ ctx }, 'called');
          ctx.log.info({ params: ctx.params });
        });
        app.get('/checked/:password', { params: Type.Object({ password: Type.Integer() }) }, () => null);
        app.get('/failing/:api_key(\\w+)/*', () => {
          throw new Error('no');
        });
      },
      { requestLog: { share: () => 1, slowMs: 0 } },
    );
    const requests = [
      ['POST', `/reset/${SECRET}`],
      ['POST', `/reset/%68ush4711`],
      ['GET', `/reset/${SECRET}`],
      ['OPTIONS', `/reset/${SECRET}`],
      ['POST', `/reset/${SECRET}/`],
      ['PURGE', `/reset/${SECRET}/typing-error`],
      ['GET', `/checked/${SECRET}`],
      ['HEAD', `/checked/${SECRET}`],
      ['GET', `/failing/${SECRET}/7`],
      ['GET', `/failing/${SECRET}/%E0%A4%A`],
    ] as const;
    const texts: unknown[] = [];
    for (const [method, url] of requests) texts.push((await inject({ method, url })).text());
    const all = JSON.stringify([texts, logs, tracing.started]);
    expect(all).to.not.match(/hush4711|%68ush/);
    expect(all.match(/\/(?:reset|checked|failing)\/\[redacted\]/g)!.length).to.be.at.least(
      2 * requests.length,
    );
  });

  it('are in no span of a call', () => {
    const begun: unknown[] = [];
    const tracing = { enabled: true, begin: (...args: unknown[]) => void begun.push(args) };
    const paths = new SecretPaths();
    paths.add('/reset/{token}');
    const call = { method: 'GET', service: 'auth', path: `/reset/${SECRET}`, host: '127.0.0.1', port: 80 };
    clientSpan(tracing as never, undefined, { ...call, secretPaths: paths });
    expect(JSON.stringify(begun)).to.include('/reset/[redacted]').and.not.include(SECRET);
  });
});
