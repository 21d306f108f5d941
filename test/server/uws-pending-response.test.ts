// Responses that are complete for the client and pending for the core, with a core that takes a given number
// of bytes at a time: a socket takes all but the last byte by chance only.
import { expect } from 'chai';
import type { CoreResponse } from '#src/server/uws/uws-core.js';
import { writeSizedPending } from '#src/server/uws/uws-pending-response.js';

const LENGTH = 10;

/** `tryEnd` as the core has it: it ends a response when the announced bytes are taken, or without bytes. */
class Core {
  taken = '';
  announced: number | undefined;
  hasEnded = false;
  readonly #takes: number[];

  /** @param takes the bytes that each call takes at most; all of them behind the last one */
  constructor(takes: readonly number[]) {
    this.#takes = [...takes];
  }
  writeHeader(_name: string, value: string | Uint8Array): void {
    if (typeof value !== 'string') this.taken = Buffer.from(value).toString();
  }
  getWriteOffset(): number {
    return this.taken.length;
  }
  tryEnd(bytes: Uint8Array, length: number): [boolean, boolean] {
    if (this.hasEnded) throw new Error('must not be accessed after a successful response');
    this.announced ??= length;
    const part = bytes.subarray(0, this.#takes.shift());
    this.taken += Buffer.from(part).toString();
    this.hasEnded = bytes.length === 0 || this.taken.length === length;
    return [part.length === bytes.length, this.hasEnded];
  }
}

describe('a pending response of known length', () => {
  const text = 'abcdefghij';
  const most = Array.from(text, (_, at) => at);

  it('is taken whole and never ends for the core, wherever its parts end', () => {
    for (const takes of most.flatMap((first) => most.map((second) => [first, second]))) {
      const core = new Core(takes);
      const bytes = Buffer.from(text);
      for (let calls = 0, isComplete = false; !isComplete; calls++) {
        expect(calls, takes.join()).to.be.lessThan(4);
        const left = bytes.subarray(core.getWriteOffset());
        [, isComplete] = writeSizedPending(core as unknown as CoreResponse, left, LENGTH);
      }
      expect([core.taken, core.announced, core.hasEnded], takes.join()).to.deep.equal([text, LENGTH, false]);
    }
  });

  it('is written at once when it has one byte', () => {
    const core = new Core([]);
    const written = writeSizedPending(core as unknown as CoreResponse, Buffer.from('a'), 1);
    expect([written, core.taken, core.hasEnded]).to.deep.equal([[true, true], 'close\r\n\r\na', false]);
  });
});
