// A function whose parameters do not show that it makes an application: its first request says so at once.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import fastify from 'fastify';
import { Hono } from 'hono';
import { ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

/** The package has no types of its own. */
const express = createRequire(import.meta.url)('express') as () => object;

const made: Readonly<Record<string, () => unknown>> = {
  'one of Express': express,
  'one of Fastify': fastify,
  'one of Koa': () => ({ callback() {}, listen() {} }),
  'one of the fetch standard': () => new Hono(),
  'a server': createServer,
  'a handler': () => (_req: IncomingMessage, res: ServerResponse) => res.end(),
};

describe('a mounted function that makes an application', () => {
  const serve = useNodeServers();

  for (const [what, make] of Object.entries(made))
    for (const [how, create] of Object.entries({
      returns: (_config: unknown, _database: unknown) => make(),
      'resolves to': async (_config: unknown, _database: unknown) => {
        await Promise.resolve();
        return make();
      },
    }))
      it(`is a 500 before any deadline when it ${how} ${what}`, async () => {
        const { fetch, logs } = await serve((app) => app.mountNode('/', create), {
          ticker: new ManualTicker(),
        });
        const response = await fetch('/x');
        const { code, detail } = (await response.json()) as Record<string, unknown>;
        expect([response.status, code]).to.deep.equal([500, 'INTERNAL']);
        const reason =
          'GET /* is mounted by mountNode, and its function has returned an application in place of responding: ' +
          'call that function once, and mount what it returns';
        expect(detail).to.equal(reason);
        expect(JSON.stringify(logs)).to.include(reason);
      });

  it('may return one when it responds', async () => {
    const application = express();
    const { fetch, logs } = await serve((app) => {
      app.mountNode('/at-once', (_req, res) => {
        res.end('x');
        return application;
      });
      app.mountNode('/later', async (_req, res) => {
        res.write('x');
        await Promise.resolve();
        setImmediate(() => res.end());
        return application;
      });
    });
    for (const path of ['/at-once', '/later']) expect(await (await fetch(path)).text()).to.equal('x');
    expect(JSON.stringify(logs)).not.to.include('failed');
  });
});
