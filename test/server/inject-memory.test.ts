// The memory of a whole response that is sent in pieces to a caller in the same thread.
import { memoryUsage } from 'node:process';
import { expect } from 'chai';
import { inject } from '#src/server/inject.js';
import { collect } from '#test/support/collected.js';
import { bench } from './kit.js';

const PIECES = 300_000;
const MIB = 1024 * 1024;

describe('a whole response within a thread', () => {
  it('costs about as much as its bytes, however small the pieces are in which it is sent', async () => {
    let grown = Number.NaN;
    const held = (): number => {
      collect();
      const { heapUsed, external } = memoryUsage();
      return heapUsed + external;
    };
    const { app } = bench((demo) => {
      demo.get('/pieces', (ctx) => {
        async function* pieces(): AsyncGenerator<Buffer> {
          const before = held();
          for (let sent = 0; sent < PIECES; sent++) yield Buffer.from([sent]);
          grown = held() - before;
        }
        return ctx.stream(pieces(), 'application/octet-stream');
      });
    });
    const { status, body } = await inject(app, { method: 'GET', url: '/pieces' });
    expect(status).to.equal(200);
    expect(body).to.deep.equal(Buffer.from(Array.from({ length: PIECES }, (_, sent) => sent)));
    // Each piece by itself costs more than 100 bytes.
    expect(grown).to.be.below(10 * MIB);
  });
});
