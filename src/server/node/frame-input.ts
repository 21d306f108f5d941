// Divides what arrives on a WebSocket for the reader of frames (ws-library.ts). The reader keeps the chunks
// of a frame until it is complete, and the whole chunk of which a fragment of a message is a part. So by tiny
// packets, and by pings between tiny fragments, a client could make it keep far more than has arrived. The
// reader therefore gets each payload in one piece, and fragments as copies.
import { appended } from '../../appended.js';

/** The first two bytes of a frame (RFC 6455 section 5.2). */
const FINAL = 0x80;
const OPCODE = 0x0f;
const FIRST_CONTROL_OPCODE = 8;
const MASKED = 0x80;
const SHORT_LENGTH = 0x7f;
/** Values of the short length: the length follows, in two or in eight bytes. */
const IN_TWO = 126;
const IN_EIGHT = 127;

const NOTHING: Buffer = Buffer.alloc(0);

export class FrameInput {
  /** The beginning of a head that is not complete. */
  #head = NOTHING;
  /** Bytes of the payload that is not complete, whose head was passed on; 0 without one. */
  #length = 0;
  /** Those that have arrived, and then room that grows with them. */
  #payload = NOTHING;
  #filled = 0;

  /**
   * @param chunk what has arrived
   * @returns the same bytes, and those that were held back before, without the end that is held back now. The
   *   head of a frame is never held back, because the reader may refuse it.
   */
  pieces(chunk: Buffer): readonly Buffer[] {
    const pieces: Buffer[] = [];
    let rest = this.#length > 0 ? this.#fill(chunk, pieces) : chunk;
    if (this.#head.length > 0) rest = Buffer.concat([this.#head, rest]);
    this.#head = NOTHING;
    const end = passFrames(rest, pieces);
    if (end < rest.length) this.#begin(rest.subarray(end), pieces);
    return pieces;
  }

  /** Begins a frame that is not complete. */
  #begin(part: Buffer, pieces: Buffer[]): void {
    const bytes = headBytes(part, 0);
    if (part.length < bytes) {
      this.#head = copyOf(part);
      return;
    }
    pieces.push(copyOf(part.subarray(0, bytes)));
    this.#length = payloadBytes(part, 0);
    this.#fill(part.subarray(bytes), pieces);
  }

  /** Adds to the payload. @returns what follows it */
  #fill(chunk: Buffer, pieces: Buffer[]): Buffer {
    const part = chunk.subarray(0, this.#length - this.#filled);
    this.#payload = appended(this.#payload, this.#filled, part, this.#length);
    this.#filled += part.length;
    if (this.#filled === this.#length) {
      pieces.push(this.#payload);
      this.#payload = NOTHING;
      this.#length = 0;
      this.#filled = 0;
    }
    return chunk.subarray(part.length);
  }
}

/** Passes on the frames that are complete. @returns where they end */
function passFrames(chunk: Buffer, pieces: Buffer[]): number {
  let from = 0;
  let at = 0;
  let areFragments = false;
  const pass = (): void => {
    const frames = chunk.subarray(from, at);
    if (frames.length > 0) pieces.push(areFragments ? copyOf(frames) : frames);
    from = at;
  };
  for (;;) {
    const head = headBytes(chunk, at);
    if (at + head > chunk.length) break;
    const end = at + head + payloadBytes(chunk, at);
    if (end > chunk.length) break;
    if (isFragment(chunk[at]!) !== areFragments) {
      pass();
      areFragments = !areFragments;
    }
    at = end;
  }
  pass();
  return at;
}

/** The frame is a part of a message that has others. */
function isFragment(first: number): boolean {
  const opcode = first & OPCODE;
  return opcode === 0 || (opcode < FIRST_CONTROL_OPCODE && (first & FINAL) === 0);
}

/** @returns the length of the head at `at`; 2 while that is unknown, because fewer bytes are there */
function headBytes(chunk: Buffer, at: number): number {
  const second = chunk[at + 1] ?? 0;
  const length = second & SHORT_LENGTH;
  const more = length === IN_EIGHT ? 8 : length === IN_TWO ? 2 : 0;
  return 2 + more + ((second & MASKED) === 0 ? 0 : 4);
}

/** @param at where a complete head begins */
function payloadBytes(chunk: Buffer, at: number): number {
  const length = chunk[at + 1]! & SHORT_LENGTH;
  if (length === IN_TWO) return chunk.readUInt16BE(at + 2);
  if (length === IN_EIGHT) return chunk.readUInt32BE(at + 2) * 2 ** 32 + chunk.readUInt32BE(at + 6);
  return length;
}

/** A copy that shares its memory with nothing. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
