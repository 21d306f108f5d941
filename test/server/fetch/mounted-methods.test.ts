// The methods of requests to a mounted application, over a socket and without one.
import { METHODS } from 'node:http';
import { expect } from 'chai';
import fc from 'fast-check';
import { routeSwitchOf } from '#src/admin/switch-bodies.js';
import { meshTokens } from '#src/mesh-token.js';
import type { Application } from '#src/server/handler.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from '../cores.js';
import { bench } from '../kit.js';

const OTHERS = ['PROPFIND', 'QUERY', 'PURGE', 'REPORT', 'M-SEARCH', 'BREW', 'LOCK', 'X'];
const SECRET = '0123456789abcdef0123456789abcdef';
const REFUSED = ['CONNECT', 'TRACE', 'TRACK', 'get', 'Post', 'propfind', 'A.B', 'X'.repeat(33)];

const world = () =>
  bench((app) => {
    app.mount('/a', { rateLimit: '6000/minute' }, async (request) => {
      const copy = new Request(request.clone());
      return new Response(`${request.method} ${copy.method} ${await request.text()}`);
    });
    app.get('/a/own', () => 'own');
    app.get('/native/:id', () => 'native');
  });

describe('the methods of a mounted application', () => {
  it('are all names in upper case, except those that the fetch standard refuses', async () => {
    const { inject } = world();
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[A-Z][A-Z0-9_-]{0,31}$/), async (method) => {
        fc.pre(!REFUSED.includes(method) && method !== 'HEAD');
        expect((await inject({ method, url: '/a/b' })).text()).to.equal(`${method} ${method} `);
      }),
      { numRuns: 50 },
    );
    for (const method of REFUSED) {
      const { status, json } = await inject({ method, url: '/a/b' });
      expect([status, json().code], method).to.deep.equal([501, 'METHOD_UNKNOWN']);
    }
    for (const url of ['/native/7', '/nowhere'])
      expect((await inject({ method: 'PROPFIND', url })).status).to.equal(501);
  });

  it('are one further route in metrics, limits and switches, however many there are', async () => {
    const { inject, observer, app } = world();
    for (let at = 0; at < 300; at++) await inject({ method: `INVENTED-${at}`, url: `/a/${at}` });
    expect(new Set(observer.seen.map(({ method, template }) => `${method} ${template}`))).to.deep.equal(
      new Set(['_OTHER /a/*']),
    );
    const keys = [...observer.meters.keys()].filter((key) => key.endsWith('/a/*'));
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '_OTHER'];
    expect(keys).to.have.members(methods.map((method) => `${method} /a/*`));
    const switches = app.switchable().filter(({ template }) => template === '/a/*');
    expect(switches.map(({ method }) => method)).to.include('_OTHER');
    for (const { method, template } of switches)
      expect(routeSwitchOf({ method, route: template, state: 'off' })).to.include({ method });
  });

  it('share the limit of the application', async () => {
    const { inject } = bench((app) =>
      app.mount('/a', { rateLimit: '60/minute;burst=3' }, () => new Response()),
    );
    const statuses: number[] = [];
    for (const method of ['GET', 'PROPFIND', 'QUERY'])
      statuses.push((await inject({ method, url: '/a' })).status);
    expect(statuses).to.deep.equal([200, 200, 429]);
  });

  it('are in no field Allow', async () => {
    const { inject } = bench((app) => {
      app.mount('/a', { internal: true }, () => new Response());
      app.get('/b', () => null);
    });
    const { headers } = await inject({ method: 'POST', url: '/b' });
    expect(headers.allow).to.equal('GET, HEAD, OPTIONS');
    expect((await inject({ method: 'PROPFIND', url: '/a' })).status).to.equal(501);
    expect((await inject({ method: 'PROPFIND', url: '/a', inProcess: true })).status).to.equal(200);
  });
});

/** Ways to mount an application that responds with its name and the method. */
const MOUNTS: Readonly<Record<string, (app: Application, prefix: string) => unknown>> = {
  mount: (app, prefix) => app.mount(prefix, ({ method }) => new Response(`mounted ${method}`)),
  mountNode: (app, prefix) =>
    app.mountNode(prefix, ({ method }, response) => response.end(`mounted ${method}`)),
};
/** Of each path, GET or POST belongs to a route. */
const ROUTES: readonly ((app: Application, prefix: string) => unknown)[] = [
  (app, prefix) => app.post(prefix || '/', () => 'route'),
  (app, prefix) => app.get(`${prefix}/b`, () => 'route'),
];

onCores('a mounted application beside routes over a socket', (core) => {
  const mounts = core.name === 'node' ? ['mount', 'mountNode'] : ['mount'];
  const orders = { before: [...ROUTES, undefined], behind: [undefined, ...ROUTES] };
  for (const mount of mounts)
    for (const [order, steps] of Object.entries(orders))
      for (const prefix of ['/a', ''])
        it(`keeps the other methods of their paths: ${mount} ${prefix || '/'}, routes ${order} it`, async () => {
          const { app } = bench((demo) => {
            for (const step of steps)
              (step ?? MOUNTS[mount]!)(demo, step === undefined ? prefix || '/' : prefix);
          });
          await app.applications.prepared();
          const server = core.serverOf(app);
          try {
            const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}${prefix}`;
            const seen = async (path: string) => {
              const texts: string[] = [];
              for (const method of ['GET', 'POST', 'PUT', 'OPTIONS', 'PROPFIND'])
                texts.push(await (await fetch(url + path, { method })).text());
              return texts;
            };
            const others = ['mounted PUT', 'mounted OPTIONS', 'mounted PROPFIND'];
            expect(await seen('')).to.deep.equal(['mounted GET', 'route', ...others]);
            expect(await seen('/b')).to.deep.equal(['route', 'mounted POST', ...others]);
          } finally {
            server.close();
          }
        });
});

onCores('the methods of a mounted application over a socket', (core) => {
  it('do not tell a stranger where an internal one is', async () => {
    const { app } = bench((demo) => demo.mount('/a', { internal: true }, () => new Response('in')), {
      meshToken: SECRET,
    });
    const server = core.serverOf(app);
    try {
      const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
      const seen = async (method: string, path: string, fields: string): Promise<unknown> => {
        const wire = await Wire.open(url);
        wire.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
        const { status, headers, body, closes } = (await wire.response())!;
        const problem = JSON.parse(body.toString()) as { code: string; detail: string };
        wire.destroy();
        return [status, Object.keys(headers), problem.code, problem.detail, closes];
      };
      for (const method of ['PROPFIND', 'GETX'])
        for (const fields of [
          '',
          'x-mesh-token: demo.0\r\n',
          `x-mesh-token: ${meshTokens(SECRET)('b')}\r\n`,
        ]) {
          const inside = await seen(method, '/a/b', fields);
          expect(inside).to.deep.equal(await seen(method, '/nowhere', fields));
          expect(inside).to.include.members([501, 'METHOD_UNKNOWN', true]);
        }
      const wire = await Wire.open(url);
      wire.write(`PROPFIND /a HTTP/1.1\r\nHost: x\r\nx-mesh-token: ${meshTokens(SECRET)('demo')}\r\n\r\n`);
      expect(String((await wire.response())?.body)).to.equal('in');
      wire.destroy();
    } finally {
      server.close();
    }
  });

  it('arrive with their bodies, one request after the other', async () => {
    const { app } = world();
    const server = core.serverOf(app);
    try {
      const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
      const head = (method: string, path: string, fields = ''): string =>
        `${method} ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
      const wire = await Wire.open(url);
      const ask = async (text: string): Promise<string> => {
        wire.write(text);
        const response = await wire.response();
        return `${response?.status} ${String(response?.body)}`;
      };
      const others = { uws: OTHERS, node: OTHERS.filter((method) => METHODS.includes(method)) }[core.name];
      for (const method of others) {
        expect(await ask(head(method, '/a/b'))).to.equal(`200 ${method} ${method} `);
        const body = head(method, '/a/b', 'Content-Length: 4\r\n');
        expect(await ask(`${body}body`)).to.equal(`200 ${method} ${method} body`);
      }
      expect(await ask(head('GET', '/a/own'))).to.equal('200 own');
      wire.destroy();
      for (const method of OTHERS.filter((each) => !others.includes(each))) {
        const unknown = await Wire.open(url);
        expect((await unknown.request(method, '/a/b'))?.status, method).to.equal(501);
        expect(await unknown.response(), method).to.equal(undefined);
      }
      for (const method of others) {
        const hidden = await Wire.open(url);
        const body = head('GET', '/a/own');
        hidden.write(head(method, '/a/b', `: hides\r\nContent-Length: ${body.length}\r\n`) + body);
        const response = await hidden.response();
        const what = `${method} with a body whose length is hidden`;
        expect(response?.status, what).to.equal({ uws: undefined, node: 400 }[core.name]);
        expect(await hidden.response(), what).to.equal(undefined);
      }
      for (const [method, path] of [
        ...REFUSED.map((each) => [each, '/a/b'] as const),
        ['PROPFIND', '/native/7'] as const,
        ['PROPFIND', '/a%zz'] as const,
        ['PROPFIND', '/'] as const,
      ]) {
        const other = await Wire.open(url);
        other.write(head(method, path) + head('GET', '/a/own'));
        const first = await other.response();
        // To CONNECT the core itself says nothing.
        expect(first?.status, method).to.be.oneOf([400, 501, 505, undefined]);
        // Nothing behind such a request is executed.
        expect(await other.response(), method).to.equal(undefined);
        other.destroy();
      }
    } finally {
      server.close();
    }
  });
});
