import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { inTurn } from '#src/cluster/start-turn.js';

describe('the start lock', () => {
  const warnings: string[] = [];
  const log = { warn: (line: string) => void warnings.push(line) } as Parameters<typeof inTurn>[1];
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  /** Another process that holds the lock. Real starts on this machine may hold it before. */
  async function hold(): Promise<() => void> {
    for (;;) {
      const server = createServer().listen('\0multilane-start');
      const isMine = await once(server, 'listening').then(
        () => true,
        () => false,
      );
      if (isMine) return () => void server.close();
    }
  }

  it('is taken when the other process has released it, and passes on what the work returns or throws', async () => {
    const release = await hold();
    const order: string[] = [];
    const mine = inTurn(() => order.push('mine'), log);
    // Enough time for the work, were it not for the other process.
    for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
    order.push('theirs');
    release();
    expect(await mine).to.equal(2);
    expect(order).to.deep.equal(['theirs', 'mine']);
    const failing = inTurn(() => {
      throw new Error('taken');
    }, log);
    expect(await failing.catch((error: Error) => error.message)).to.equal('taken');
    expect(warnings).to.deep.equal([]);
  });

  it('is not waited for without a bound', async () => {
    const release = await hold();
    try {
      expect(await inTurn(() => 'done', log)).to.equal('done');
      expect(warnings).to.have.length(1);
    } finally {
      release();
    }
  });
});
