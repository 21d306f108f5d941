// Parses a long JSON text in several turns of the event loop, in which connections are accepted: a list of
// thousands of items takes JSON.parse tens of milliseconds.
import { Pace, type Rest } from '../../telemetry/pace.js';

/** Bytes that are read or parsed between two looks at the time: about a tenth of a millisecond of work. */
const PIECE_BYTES = 16 * 1024;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OBJECT, OBJECT_END, LIST, LIST_END] = [0x7b, 0x7d, 0x5b, 0x5d];
/** The levels of the members of the whole object, and of the items of its lists. */
const [MEMBERS, ITEMS] = [1, 2];

/** @param bytes JSON in UTF-8, as this process has written it */
export async function parseInTurns(
  bytes: Buffer,
  rest: Rest = new Pace().rest,
  pieceBytes = PIECE_BYTES,
): Promise<unknown> {
  if (bytes.length <= pieceBytes || bytes[0] !== OBJECT) return JSON.parse(bytes.toString());
  const reader = new ListReader(bytes, pieceBytes);
  while (reader.readOn()) {
    const resting = rest();
    if (resting !== undefined) await resting;
  }
  return reader.value();
}

/** Reads an object whose lists are parsed some items at a time. What is in no list of it is read as one. */
class ListReader {
  readonly #bytes: Buffer;
  readonly #pieceBytes: number;
  readonly #lists: unknown[][] = [];
  /** The text without the items of the lists: each list has its number as its only item. */
  #outside = '';
  #at = 0;
  /** Where what has not been parsed begins. */
  #from = 0;
  #level = 0;
  /** Whether the items of a list are being read. */
  #isInList = false;
  #isInString = false;

  constructor(bytes: Buffer, pieceBytes: number) {
    this.#bytes = bytes;
    this.#pieceBytes = pieceBytes;
  }

  /** @returns false at the end of the text */
  readOn(): boolean {
    const end = Math.min(this.#bytes.length, this.#at + this.#pieceBytes);
    for (; this.#at < end; this.#at++) this.#readByte(this.#bytes[this.#at]!);
    return this.#at < this.#bytes.length;
  }

  value(): unknown {
    const whole = JSON.parse(this.#outside + this.#text(this.#from, this.#bytes.length)) as object;
    for (const [name, value] of Object.entries(whole)) {
      if (!Array.isArray(value)) continue;
      // A name may be `__proto__`, so the member is defined and not assigned.
      const list = { value: this.#lists[value[0] as number] };
      Object.defineProperty(whole, name, list);
    }
    return whole;
  }

  #readByte(byte: number): void {
    if (this.#isInString) {
      if (byte === BACKSLASH) this.#at++;
      else if (byte === QUOTE) this.#isInString = false;
    } else if (byte === QUOTE) this.#isInString = true;
    else if (byte === OBJECT || byte === LIST) this.#begin(byte);
    else if (byte === OBJECT_END || byte === LIST_END) this.#end();
    else if (byte === COMMA && this.#isInList && this.#level === ITEMS) this.#endItem();
  }

  #begin(byte: number): void {
    if (this.#level++ !== MEMBERS || byte !== LIST) return;
    this.#isInList = true;
    this.#outside += `${this.#text(this.#from, this.#at + 1)}${this.#lists.length}`;
    this.#from = this.#at + 1;
    this.#lists.push([]);
  }

  #end(): void {
    if (--this.#level !== MEMBERS || !this.#isInList) return;
    this.#isInList = false;
    this.#parseItems();
    this.#from = this.#at;
  }

  #endItem(): void {
    if (this.#at - this.#from < this.#pieceBytes) return;
    this.#parseItems();
    this.#from = this.#at + 1;
  }

  #parseItems(): void {
    const items = JSON.parse(`[${this.#text(this.#from, this.#at)}]`) as readonly unknown[];
    const list = this.#lists.at(-1)!;
    for (const item of items) list.push(item);
  }

  #text(from: number, to: number): string {
    return this.#bytes.toString('utf8', from, to);
  }
}
