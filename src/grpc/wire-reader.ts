// Reads the bytes of one message: the reader of protobufjs, but strict about lengths, and it counts what the
// message decodes to.
import protobuf from 'protobufjs';
import { bufferOf } from '../buffer-of.js';
import { FieldLimitError, MAX_FIELDS } from './field-limit.js';

/** How deep messages may be nested in a message; implementations in other languages have the same bound. */
const MAX_DEPTH = 100;

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

  /** The reader of the library takes the rest of the bytes for a text that is longer than they are. */
  override string(): string {
    const outer = this.enter();
    const text = (this.buf as Buffer).toString('utf8', this.pos, this.len);
    this.pos = this.len;
    this.len = outer;
    return text;
  }
}
