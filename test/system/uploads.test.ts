// Uploads that are sent faster than they are read: they wait in the socket and not in memory, and the
// worker continues to serve.

import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { SHARDINGS } from '#test/support/core.js';
import { type FastUpload, fastUpload } from '#test/support/fast-upload.js';
import { useCluster } from '#test/support/use-cluster.js';
import { UPLOADS } from './fixtures/paths.js';

const BYTES = 64 * 1024 * 1024;
/**
 * Memory of the process for two uploads: each buffers 64 KiB and what one turn of the loop may add, and its
 * handler as much.
 */
const MOST_HELD = 4 * 1024 * 1024;

const READERS: Readonly<Record<string, Omit<FastUpload, 'port' | 'bytes'>>> = {
  readStream: { path: '/stream' },
  readParts: {
    path: '/parts',
    type: 'multipart/form-data; boundary=x',
    before: '--x\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n',
    after: '\r\n--x--\r\n',
  },
};

for (const sharding of SHARDINGS) {
  describe(`uploads that are faster than their handler: SHARDING=${sharding}`, function () {
    this.timeout(60_000);
    before(function () {
      if (process.platform !== 'linux') this.skip();
    });
    const cluster = useCluster({ config: UPLOADS, env: { SHARDING: sharding, WORKERS: '1' } });

    const heldNow = async (): Promise<number> => {
      const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
      return Number(/^multilane_buffered_body_bytes (\d+)/m.exec(text)![1]);
    };

    /** Sends two at once, and meanwhile requests another route of the same worker. */
    const send = async (upload: Omit<FastUpload, 'port'>) => {
      const port = Number(new URL(cluster.url).port);
      let isOver = false;
      const both = Promise.all([0, 1].map(() => fastUpload({ port, ...upload }))).finally(() => {
        isOver = true;
      });
      let mostHeld = 0;
      const threads = new Set<string>();
      while (!isOver) {
        threads.add(await (await get(`${cluster.url}/thread`)).text());
        mostHeld = Math.max(mostHeld, await heldNow());
      }
      return { responses: await both, mostHeld, threads: threads.size };
    };

    for (const [reader, upload] of Object.entries(READERS)) {
      it(`are read whole by ${reader}, while little is buffered`, async () => {
        const { responses, mostHeld, threads } = await send({ bytes: BYTES, ...upload });
        for (const response of responses) {
          expect(response).to.match(/^HTTP\/1.1 200 /);
          expect(response).to.contain(`{"bytes":${BYTES}}`);
        }
        expect(mostHeld).to.be.lessThan(MOST_HELD);
        expect(threads).to.equal(1);
      });
    }

    it('are not buffered when the handler does not read them', async () => {
      const { mostHeld, threads } = await send({ path: '/unread', bytes: BYTES });
      expect(mostHeld).to.be.lessThan(MOST_HELD);
      expect(threads).to.equal(1);
    });

    it('have stalled no worker', () => {
      expect(cluster.logs().filter(({ msg }) => /stall/.test(String(msg)))).to.deep.equal([]);
    });
  });
}
