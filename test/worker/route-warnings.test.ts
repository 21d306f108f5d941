import { expect } from 'chai';
import { defineService, Type } from '#src/index.js';
import { createTestApp } from '#src/testing.js';

const MIB = 1024 * 1024;
const MOST = 16 * MIB;
/** What one client may hold of it. */
const LARGEST = 7 * MIB;

describe('warnings about routes', () => {
  it('name a route whose body limit is larger than what one client may have buffered', async () => {
    const body = Type.Object({ name: Type.String() });
    const service = defineService({
      name: 'demo',
      routes(app) {
        app.post('/held', { body, bodyLimit: LARGEST }, () => null);
        app.post('/streamed', { bodyLimit: 100 * LARGEST }, () => null);
        app.group('/large', { bodyLimit: LARGEST + 1 }, (large) => {
          large.post('/:id', { body }, () => null);
          large.get('/:id', () => null);
        });
      },
    });
    const app = await createTestApp({ services: [service], settings: { maxBufferedBodyBytes: MOST } });
    try {
      const doubts = app.logs.map(({ msg }) => String(msg)).filter((msg) => msg.includes('bodyLimit'));
      expect(doubts).to.have.length(1);
      expect(doubts[0]).to.match(
        /^service demo, route POST \/large\/\{id\}: .*7340033 bytes.*503.*MAX_BUFFERED_BODY_BYTES/,
      );
    } finally {
      await app.close();
    }
  });
});
