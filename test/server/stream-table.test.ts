import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { replaceStreamTable, StreamTable } from '#src/server/grpc/stream-table.js';

describe('the table of streams', () => {
  it('does what a Map does, in the order of the numbers', () => {
    const step = fc.record({
      deed: fc.constantFrom('set', 'set', 'delete', 'get', 'has', 'clear' as const),
      id: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new StreamTable<object>();
        const map = new Map<number, object>();
        for (const { deed, id } of steps) {
          if (deed === 'set') {
            const stream = { id };
            expect(table.set(id, stream)).to.equal(table);
            map.set(id, stream);
          } else if (deed === 'clear') {
            if (id > 38) for (const one of [table, map]) one.clear();
          } else expect(table[deed](id)).to.equal(map[deed](id));
          expect(table.size).to.equal(map.size);
        }
        const sorted = [...map].sort(([one], [other]) => one - other);
        expect([...table]).to.deep.equal(sorted);
        expect([...table.keys()]).to.deep.equal(sorted.map(([id]) => id));
        expect([...table.values()]).to.deep.equal(sorted.map(([, stream]) => stream));
        const visited: unknown[] = [];
        table.forEach((stream, id, itself) => {
          visited.push([id, stream, itself === table]);
        });
        expect(visited).to.deep.equal(sorted.map(([id, stream]) => [id, stream, true]));
      }),
    );
  });

  it('leaves out a stream that closes while all are visited', () => {
    const table = new StreamTable<object>();
    for (const id of [1, 3, 5]) table.set(id, {});
    const visited: number[] = [];
    table.forEach((_stream, id) => {
      visited.push(id);
      table.delete(id + 2);
    });
    expect(visited).to.deep.equal([1, 5]);
  });

  it('holds the streams of a session of this version of Node.js', async () => {
    const server = createServer();
    let table: unknown;
    server.on('session', (session) => {
      replaceStreamTable(session);
      const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
      table = (session as unknown as Record<symbol, { streams: unknown }>)[key!]!.streams;
    });
    const sizes: number[] = [];
    server.on('stream', (stream) => {
      sizes.push((table as StreamTable<object>).size);
      stream.respond({ ':status': 200 });
      stream.end('done');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    for (let n = 0; n < 3; n += 1) {
      const stream = client.request({ ':path': '/' });
      const [headers] = await once(stream, 'response');
      expect(headers[':status']).to.equal(200);
      stream.resume();
      await once(stream, 'close');
    }
    const cut = client.request({ ':path': '/', ':method': 'POST' });
    cut.on('error', () => {});
    await once(cut, 'response');
    client.destroy();
    server.close();
    await once(server, 'close');
    expect(table).to.be.instanceOf(StreamTable);
    expect(sizes).to.deep.equal([1, 1, 1, 1]);
    expect((table as StreamTable<object>).size).to.equal(0);
  });
});
