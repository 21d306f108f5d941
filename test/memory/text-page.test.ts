import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { SNAPSHOT_BYTES } from '#src/memory/layout.js';
import { TextPage } from '#src/memory/text-page.js';

describe('snapshot page', () => {
  it('returns what was published, under a version that grew', () => {
    const page = new TextPage(Block.create({ workers: 1 }));
    expect(page.read()).to.deep.equal({ version: 0, text: '' });
    page.publish('{"a":"ü"}');
    expect(page.read()).to.deep.equal({ version: 2, text: '{"a":"ü"}' });
    page.publish('');
    expect(page.read().text).to.equal('');
  });

  it('refuses a text that does not fit and keeps the last one', () => {
    const page = new TextPage(Block.create({ workers: 1 }));
    page.publish('kept');
    expect(() => page.publish('x'.repeat(SNAPSHOT_BYTES + 1))).to.throw(RangeError);
    expect(page.read().text).to.equal('kept');
  });

  it('returns the last text while another one is being written, however long that takes', () => {
    const block = Block.create({ workers: 1 });
    const page = new TextPage(block);
    for (const text of ['one', 'another', 'a third']) {
      page.publish(text);
      const version = page.version();
      // The state that a primary leaves when it stops in the middle.
      const words = block.words('snapshotPage');
      const half = ((version + 2) >> 1) & 1;
      block.words('snapshotVersion')[0] = version + 1;
      words.fill(-1, (half * words.length) / 2, (half * words.length) / 2 + 16);
      block.words('snapshotLength')[half] = 64;
      expect(page.version()).to.equal(version);
      expect(page.read()).to.deep.equal({ version, text });
    }
  });

  it('is never read torn by another thread', async () => {
    const block = Block.create({ workers: 1 });
    const page = new TextPage(block);
    page.publish('0'.repeat(64));
    const reader = new Worker(new URL('./page-reader-thread.js', import.meta.url), {
      workerData: { memory: block.buffer },
    });
    await once(reader, 'online');
    let report: { torn: number; seen: number } | undefined;
    reader.on('message', (message: { torn: number; seen: number }) => {
      report = message;
    });
    for (let round = 1; report === undefined; round++) {
      page.publish(String(round % 10).repeat(64 + (round % 700)));
      if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(report.torn).to.equal(0);
    expect(report.seen).to.be.greaterThan(10);
  });
});
