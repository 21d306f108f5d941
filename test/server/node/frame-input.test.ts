import { expect } from 'chai';
import fc from 'fast-check';
import { FrameInput } from '#src/server/node/frame-input.js';
import { frame, OPCODE } from '#test/support/frames.js';

const { continuation, text, binary, close, ping } = OPCODE;
const HEAD_BYTES = 6;

const aFrame = fc
  .record({
    opcode: fc.constantFrom(continuation, text, binary, close, ping, 3),
    bytes: fc.oneof(fc.nat(20), fc.constantFrom(125, 126, 127, 65_535, 65_536, 150_000)),
    final: fc.boolean(),
    masked: fc.boolean(),
  })
  .map(({ opcode, bytes, ...options }) => frame(opcode, Buffer.alloc(bytes, 'x'), options));

/** Divides the bytes into chunks as a socket has them, each with memory of its own. */
function chunksOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let n = 0; at < bytes.length; n++) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(sizes[n % sizes.length]!, bytes.length - at));
    bytes.copy(chunk, 0, at);
    chunks.push(chunk);
    at += chunk.length;
  }
  return chunks;
}

describe('what arrives on a WebSocket', () => {
  it('is passed on whole and in order, with each payload in one piece', () => {
    fc.assert(
      fc.property(
        fc.array(aFrame, { minLength: 1, maxLength: 8 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(65_536)), { minLength: 1 }),
        (frames, sizes) => {
          const input = new FrameInput();
          const bytes = Buffer.concat(frames);
          const pieces = chunksOf(bytes, sizes).flatMap((chunk) => input.pieces(chunk));
          expect(Buffer.concat(pieces).equals(bytes)).to.equal(true);
          const cuts = pieces.map((_, n) => Buffer.concat(pieces.slice(0, n)).length);
          let at = 0;
          for (const { length } of frames) {
            // Between the head and the payload, if anywhere.
            expect(cuts.filter((cut) => cut > at && cut < at + length)).to.have.length.at.most(1);
            at += length;
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('holds back no head that is complete, so that its frame can be refused', () => {
    const input = new FrameInput();
    const announced = Buffer.from('82ff7fffffffffffffff01020304', 'hex');
    const pieces = [...announced].flatMap((byte) => input.pieces(Buffer.of(byte)));
    expect(pieces).to.deep.equal([announced]);
    expect(input.pieces(Buffer.alloc(65_536))).to.deep.equal([]);
  });

  it('shares no memory with what comes between the fragments of a message', () => {
    const input = new FrameInput();
    const pings = Buffer.concat(Array.from({ length: 400 }, () => frame(ping, 'x'.repeat(125))));
    const fragment = frame(continuation, 'x', { final: false });
    const bytes = Buffer.concat(Array.from({ length: 20 }, () => [fragment, pings]).flat());
    const pieces = chunksOf(bytes, [60_000]).flatMap((chunk) => input.pieces(chunk));
    const isKept = ({ length }: Buffer): boolean => length <= HEAD_BYTES + 1;
    const kept = pieces.filter(isKept);
    expect(kept).to.have.length.at.least(20);
    for (const { buffer, length } of kept) expect(buffer.byteLength).to.equal(length);
  });

  it('takes memory for a payload as it arrives, not when it is announced', () => {
    const input = new FrameInput();
    const whole = frame(binary, Buffer.alloc(1_000_000));
    const before = process.memoryUsage().arrayBuffers;
    input.pieces(whole.subarray(0, 20));
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1000);
  });
});
