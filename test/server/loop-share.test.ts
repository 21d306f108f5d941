import { expect } from 'chai';
import type { Context } from '#src/server/handler.js';
import { StreamSource } from '#src/server/response/stream-source.js';
import { bench } from './kit.js';

/** Enough pieces to notice a stalled event loop, and few enough to end. */
const MOST_PIECES = 1_000_000;

/** Yields one piece after the other without waiting, until a timer has fired `turns` times. */
function* hasty<T>(piece: T, turns: number, seen: { turns: number }): Generator<T> {
  const timer = setInterval(() => void seen.turns++, 1);
  try {
    for (let i = 0; i < MOST_PIECES && seen.turns < turns; i++) yield piece;
  } finally {
    clearInterval(timer);
  }
}

async function* later<T>(pieces: Iterable<T>): AsyncGenerator<T> {
  yield* pieces;
}

const TURNS = 5;

const STREAMS: Readonly<Record<string, (ctx: Context, seen: { turns: number }) => unknown>> = {
  'empty pieces': (ctx, seen) => ctx.stream(later(hasty('', TURNS, seen))),
  'small pieces': (ctx, seen) => ctx.stream(later(hasty('x', TURNS, seen))),
  'pieces of bytes': (ctx, seen) => ctx.stream(later(hasty(Buffer.alloc(1), TURNS, seen))),
  'pieces that are there at once': (ctx, seen) => ctx.stream(hasty('x', TURNS, seen) as never),
  events: (ctx, seen) => ctx.sse(later(hasty({ data: 1 }, TURNS, seen))),
};

describe('a source that is never short of pieces', () => {
  for (const [what, stream] of Object.entries(STREAMS)) {
    for (const compress of [false, true]) {
      it(`leaves the event loop to others between ${what}${compress ? ', compressed' : ''}`, async () => {
        const seen = { turns: 0 };
        const { inject } = bench((app) => {
          app.get('/', { compress }, (ctx) => {
            if (!what.startsWith('events')) ctx.header('content-type', 'text/plain');
            return stream(ctx as Context, seen);
          });
        });
        const answers = [1, 2, 3].map(() => inject({ url: '/', headers: { 'accept-encoding': 'gzip' } }));
        for (const answer of answers) expect((await answer).status).to.equal(200);
        expect(seen.turns).to.be.at.least(TURNS);
      });
    }
  }
});

describe('the empty pieces of a source', () => {
  it('are not passed on, so that none of them is kept', async () => {
    const [given, taken] = [['', new Uint8Array(0), 'a', '', 'b', ''], [] as unknown[]];
    const source = new StreamSource(given, () => {});
    for (let piece = await source.next(); piece !== undefined; piece = await source.next()) taken.push(piece);
    expect(taken).to.deep.equal(['a', 'b']);
  });
});
