// What a mounted application has in an AsyncLocalStorage is there in its listeners, and in no other request.
import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import { settled } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

describe('the stores of a mounted application', () => {
  const serve = useNodeServers();
  const storage = new AsyncLocalStorage<string>();

  it('are in the listeners of the body, when they were entered before', async () => {
    const { wire: open } = await serve((app) =>
      app.mountNode('/', (request, response) => {
        const seen: unknown[] = [];
        storage.enterWith(String(request.url));
        request.on('data', () => seen.push(storage.getStore()));
        request.on('end', () => response.end(JSON.stringify([...seen, storage.getStore()])));
      }),
    );
    const wires = [await open(), await open()];
    // Again over the same connections.
    for (const round of [1, 2]) {
      const head = (i: number): string =>
        `POST /${round}-${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n`;
      for (const [i, wire] of wires.entries()) wire.write(head(i));
      for (let piece = 0; piece < 3; piece++) {
        await settled();
        for (const wire of wires) wire.write('x');
      }
      for (const [i, wire] of wires.entries()) {
        const response = await wire.response();
        const seen = new Set(JSON.parse(String(response?.body)) as unknown[]);
        expect([...seen]).to.deep.equal([`/${round}-${i}`]);
      }
    }
    for (const wire of wires) wire.destroy();
  });

  it('are in the listeners of the end, when requests are pipelined', async () => {
    const seen: unknown[] = [];
    const { wire: open, observer } = await serve((app) =>
      app.mountNode('/', (request, response) =>
        storage.run(String(request.url), () => {
          response.on('finish', () => seen.push(storage.getStore()));
          response.end('x');
        }),
      ),
    );
    const wire = await open();
    const paths = Array.from({ length: 40 }, (_, i) => `/${i}`);
    wire.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    for (const _path of paths) expect((await wire.response())?.status).to.equal(200);
    await observer.ended(paths.length);
    expect(seen).to.deep.equal(paths);
    wire.destroy();
  });
});
