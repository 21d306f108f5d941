import { expect } from 'chai';
import fc from 'fast-check';
import { parseInTurns } from '#src/admin/mcp/json-in-turns.js';
import { PlaneReader } from '#src/admin/mcp/plane-reader.js';
import { turnsOf } from '#test/telemetry/turns.js';

const none = (): undefined => undefined;

describe('JSON that is parsed in turns', () => {
  it('is the value that JSON.parse returns, whatever it is', async () => {
    const lists = fc.dictionary(fc.string({ unit: 'binary' }), fc.array(fc.jsonValue()));
    const spaces = fc.constantFrom(undefined, 1);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.jsonValue(), lists),
        spaces,
        fc.integer({ min: 1, max: 40 }),
        async (value, indent, pieceBytes) => {
          const text = JSON.stringify(value, undefined, indent);
          expect(await parseInTurns(Buffer.from(text), none, pieceBytes)).to.deep.equal(JSON.parse(text));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses what is no JSON', async () => {
    for (const text of ['{"items":[1,2', '{"items":[1,,2]}', '{"items":[}]']) {
      const failure = await parseInTurns(Buffer.from(text), none, 1).then(none, (error: Error) => error);
      expect(failure, text).to.be.instanceOf(SyntaxError);
    }
  });

  it('leaves the event loop to others while a tool reads a long list', async () => {
    const items = Array.from({ length: 10_000 }, (_, n) => ({ id: `orders-${n}`, state: 'healthy' }));
    const bytes = Buffer.from(JSON.stringify({ items, nextCursor: null }));
    const reader = new PlaneReader([{ method: 'GET', path: '/x', handler: () => ({ status: 200, bytes }) }]);
    let read: unknown;
    const turns = await turnsOf(async () => {
      read = await reader.for({} as never)('/x');
    });
    expect(read).to.deep.equal({ items, nextCursor: null });
    expect(turns).to.be.greaterThan(10);
  });
});
