// The id of a request in its flight record. An id that this thread has made is a number; its text is the
// prefix of the thread with that number. An id that a client has sent is stored whole, so that the request
// can be found by it in other logs: up to 64 characters, four in a word, with a zero byte behind a shorter
// one.
import { FLIGHT_ID_WORDS } from './layout.js';

/** The most characters of `x-request-id`. */
const MOST_CHARACTERS = FLIGHT_ID_WORDS * 4;

const RADIX = 32;
/** Digits of a number that are always written. */
const LEAST_DIGITS = 3;

/**
 * The text of an id that a thread has made: see request-ids.ts, which makes it in a faster way.
 * @param number of the id, 1 for the first one
 */
export const numberedId = (prefix: string, number: number): string =>
  prefix + (number - 1).toString(RADIX).padStart(LEAST_DIGITS, '0');

/** @param id ASCII; characters beyond the 64th are left out */
export function writeId(words: Int32Array, at: number, id: string): void {
  const length = id.length < MOST_CHARACTERS ? id.length : MOST_CHARACTERS;
  let word = at;
  let index = 0;
  for (; index + 4 <= length; index += 4) {
    words[word++] =
      id.charCodeAt(index) |
      (id.charCodeAt(index + 1) << 8) |
      (id.charCodeAt(index + 2) << 16) |
      (id.charCodeAt(index + 3) << 24);
  }
  if (length === MOST_CHARACTERS) return;
  let last = 0;
  for (let shift = 0; index < length; index++, shift += 8) last |= id.charCodeAt(index) << shift;
  words[word] = last;
}

/**
 * Reads an id. It is copied first, which takes less time than making a string of it, so that a reader can
 * check soon whether the words have changed meanwhile.
 */
export class IdReader {
  readonly #words = new Int32Array(FLIGHT_ID_WORDS);
  readonly #bytes = Buffer.from(this.#words.buffer);

  copy(words: Int32Array, at: number): void {
    for (let word = 0; word < FLIGHT_ID_WORDS; word++) this.#words[word] = words[at + word]!;
  }

  /** The text that was copied last; empty when no id was stored. */
  get text(): string {
    const end = this.#bytes.indexOf(0);
    return this.#bytes.toString('latin1', 0, end === -1 ? MOST_CHARACTERS : end);
  }
}
