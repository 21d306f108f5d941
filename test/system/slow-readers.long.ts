// Outside `npm test`: mocha --timeout 3600000 build/test/system/slow-readers.long.js
// The uws core closes a connection about 10 s after a write that the socket cannot take, unless its timer is
// restarted.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { HttpServer } from '#src/server/http-core.js';
import { onCores } from '#test/server/cores.js';
import { bench } from '#test/server/kit.js';
import { deafClient } from '#test/support/deaf-client.js';

const BYTES = 24_000_000;
/** Longer than the core waits, shorter than STREAM_IDLE_MS. */
const PAUSE_MS = 25_000;

onCores('a client that reads nothing for 25 s', (core) => {
  let base: string;
  let server: HttpServer;
  let port: number;

  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'slow-readers-'));
    writeFileSync(join(base, 'file.bin'), Buffer.alloc(BYTES));
    const { app } = bench(
      (demo) => {
        demo.get('/whole', () => new Uint8Array(BYTES));
        demo.get('/file', (ctx) => ctx.file('.', 'file.bin'));
        demo.get('/pieces', (ctx) => ctx.stream(new Blob([new Uint8Array(BYTES)]).stream()));
      },
      { configFile: join(base, 'config.js') },
    );
    server = core.serverOf(app);
    port = await server.listen(0, '127.0.0.1');
  });
  after(() => {
    server.close();
    rmSync(base, { recursive: true });
  });

  it('gets the rest of a complete response, a file and a stream', async () => {
    await Promise.all(
      ['/whole', '/file', '/pieces'].map(async (path) => {
        const socket = await deafClient(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        await delay(PAUSE_MS);
        let received = 0;
        for await (const bytes of socket) received += (bytes as Buffer).length;
        expect(received, path).to.be.greaterThan(BYTES);
      }),
    );
  });
});
