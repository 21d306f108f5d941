// A field beyond ASCII that a hook has set has the same bytes before every response of a mounted application.
import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { useNodeServers } from './mounted-kit.js';

const TEXT = 'Jürgen, 世界';
const LARGE = 'é'.repeat(40_000);
const ways: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  'a text': (response) => response.end('é'),
  bytes: (response) => response.end(Buffer.from('é')),
  'a large text': (response) => response.end(LARGE),
  'large bytes': (response) => response.end(Buffer.from(LARGE)),
  nothing: (response) => response.end(),
  'status 204': (response) => response.writeHead(204).end(),
  'a text behind writeHead': (response) => response.writeHead(200, { 'x-own': '1' }).end('é'),
  'a text of known length': (response) => response.writeHead(200, { 'content-length': 2 }).end('é'),
  'a text of a later turn': (response) => setImmediate(() => response.end('é')),
  flushHeaders: (response) => {
    response.flushHeaders();
    response.end('é');
  },
  'pieces of text': (response) => {
    response.write('é');
    response.end('é');
  },
  'pieces of bytes': (response) => {
    response.write(Buffer.from('é'));
    response.end();
  },
};

describe('a field of a hook', () => {
  const serve = useNodeServers();

  for (const method of ['GET', 'HEAD', 'POST'])
    for (const [name, respond] of Object.entries(ways))
      it(`is the same before a response of a mounted application: ${method}, ${name}`, async () => {
        const { wire: open } = await serve((app) => {
          app.hook('onRequest', (ctx) => void ctx.header('x-hook', TEXT));
          app.get('/native', () => 'é');
          app.mountNode('/mounted', (_request, response) => respond(response));
        });
        const wire = await open();
        const native = await wire.request('GET', '/native');
        const first = await wire.request(method, '/mounted');
        const second = await wire.request(method, '/mounted');
        const fields = [native, first, second].map((response) => response?.headers['x-hook']);
        const bytes = Buffer.from(TEXT).toString('latin1');
        expect(fields).to.deep.equal([bytes, bytes, bytes]);
        if (method !== 'HEAD' && name.includes('text'))
          expect(String(second?.body).replaceAll('é', '')).to.equal('');
        wire.destroy();
      });
});
