// The source of a streamed response, read piece by piece. It is released (piece-source.ts) on every path that
// does not read it to its end: HEAD, a client that left, a refusal, a failure.
import { PieceSource } from '../../piece-source.js';
import { shareSpent } from '../loop-share.js';
import { plainBytes } from './plain-bytes.js';

export type Pieces = AsyncIterable<Uint8Array | string>;
type Piece = Uint8Array | string;

export class StreamSource extends PieceSource {
  /**
   * Reads the next piece. A source that always has one lets the event loop run other code in between. Empty
   * pieces are skipped: the client would not have to read anything before the next one.
   * @returns undefined at the end
   * @throws TypeError for a piece that is neither a string nor a Uint8Array, and whatever the source throws
   */
  async next(): Promise<Piece | undefined> {
    for (;;) {
      const later = shareSpent();
      if (later !== undefined) {
        await later;
        if (this.isOver) return undefined;
      }
      const next = await this.nextValue();
      if (next === undefined) return undefined;
      const piece = pieceOf(next.value);
      if (piece.length > 0) return piece;
    }
  }
}

function pieceOf(value: unknown): Piece {
  return typeof value === 'string'
    ? value
    : plainBytes('a piece of a streamed response that is no string', value);
}
