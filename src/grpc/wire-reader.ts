// Reads the bytes of one message: the reader of protobufjs, but strict about lengths, and it counts what the
// message decodes to.
import protobuf, { type Long } from 'protobufjs';
import { bufferOf } from '../buffer-of.js';
import { FieldLimitError, MAX_FIELDS } from './field-limit.js';

/** How deep messages may be nested in a message; implementations in other languages have the same bound. */
const MAX_DEPTH = 100;

const INT_BITS = 32;
const BITS_PER_BYTE = 7;
/** The bits of a byte of a varint that belong to the number. The other one says that more bytes follow. */
const PAYLOAD = 0x7f;
const MOST_VARINT_BITS = 10 * BITS_PER_BYTE;
const truncated = (): RangeError => new RangeError('a number does not end');

export class WireReader extends protobuf.BufferReader {
  #depth = 0;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    // The reader of the library reads texts of other arrays than Buffers as their numbers.
    super(bufferOf(bytes));
  }

  /** @throws FieldLimitError */
  count(fields: number): void {
    this.#fields += fields;
    if (this.#fields > MAX_FIELDS) throw new FieldLimitError();
  }

  /**
   * Begins a part that has its length before it: `len` is its end until `leave`.
   * @returns what `leave` needs
   */
  enter(): number {
    const length = this.uint32();
    const outer = this.len;
    if (length > outer - this.pos) throw new RangeError('a part is longer than what it is in');
    this.len = this.pos + length;
    return outer;
  }

  leave(outer: number): void {
    if (this.pos !== this.len) throw new RangeError('a value is longer than what it is in');
    this.len = outer;
  }

  /** Begins a message, until `ascend`. */
  descend(): void {
    if (this.#depth > MAX_DEPTH) throw new RangeError(`messages are nested more than ${MAX_DEPTH} deep`);
    this.#depth++;
  }

  ascend(): void {
    this.#depth--;
  }

  /** Skips the value behind a tag that has no field. */
  skipValue(tag: number): void {
    this.skipType(tag & 7, this.#depth);
  }

  // The reader of the library reads five bytes of a varint and skips five more, whatever they are. And it
  // does not check the last bytes of one that is cut.

  /** The lower 32 bits, of a value of up to 64: the types of integers are compatible. */
  override uint32(): number {
    const buf = this.buf as Buffer;
    let value = 0;
    for (let shift = 0; shift < MOST_VARINT_BITS; shift += BITS_PER_BYTE) {
      if (this.pos >= this.len) throw truncated();
      const byte = buf[this.pos++]!;
      if (shift < INT_BITS) value |= (byte & PAYLOAD) << shift;
      if (byte <= PAYLOAD) return value >>> 0;
    }
    throw new RangeError('a number has more than ten bytes');
  }

  override bool(): boolean {
    const { low, high } = this.#wide();
    return low !== 0 || high !== 0;
  }

  override int64(): Long {
    return this.#wide();
  }

  override uint64(): Long {
    return { ...this.#wide(), unsigned: true };
  }

  override sint64(): Long {
    const { low, high } = this.#wide();
    const sign = -(low & 1);
    return {
      low: ((low >>> 1) | (high << (INT_BITS - 1))) ^ sign,
      high: (high >>> 1) ^ sign,
      unsigned: false,
    };
  }

  #wide(): Long {
    const buf = this.buf as Buffer;
    let [low, high] = [0, 0];
    for (let shift = 0; shift < MOST_VARINT_BITS; shift += BITS_PER_BYTE) {
      if (this.pos >= this.len) throw truncated();
      const byte = buf[this.pos++]!;
      const bits = byte & PAYLOAD;
      if (shift < INT_BITS) low |= bits << shift;
      if (shift > INT_BITS) high |= bits << (shift - INT_BITS);
      else if (shift + BITS_PER_BYTE > INT_BITS) high |= bits >>> (INT_BITS - shift);
      if (byte <= PAYLOAD) return { low, high, unsigned: false };
    }
    throw new RangeError('a number has more than ten bytes');
  }

  /** The reader of the library takes the rest of the bytes for a text that is longer than they are. */
  override string(): string {
    const outer = this.enter();
    const text = (this.buf as Buffer).toString('utf8', this.pos, this.len);
    this.pos = this.len;
    this.len = outer;
    return text;
  }
}
