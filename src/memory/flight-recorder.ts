// The flight record: the last requests of each worker, read by the primary when the worker is in trouble. It
// has a fixed number of records of 8 words, one request in each. A new request takes the record of the
// request that ended first. So requests in flight, which matter most, keep their records while others begin
// and end. While all records are in flight, a new request takes the one of the request that began last: those
// that hang keep theirs, and the request that runs now has one.
//
// The first word, the head, holds what belongs together:
//
//   bits 0..11   number of the route: see route-names.ts
//   bits 12..21  status of the response, 0 while in flight
//   bits 22..31  how often the record was used (wraps); the whole head is 0 when it never was
//
// The other words are stored before the head. The start of a request is stored in one of two words in turn,
// so a new request does not overwrite the start that the present head belongs to. So a record is whole at any
// moment, also when its writer dies, and a reader that finds the same head before and after it reads the
// other words has read one request, not two. The id of the request (flight-id.ts) is stored in the same way,
// as one of two numbers or texts in turn. The head is stored atomically, so a reader that sees it sees the
// words stored before it as well. bench/micro/flight-recorder.ts measures a begin and an end.
import type { Block } from './block.js';
import { toWord } from './elapsed.js';
import { IdReader, numberedId, writeId } from './flight-id.js';
import { FLIGHT_ID_WORDS, FLIGHT_WORDS, FLIGHTS } from './layout.js';

const HEAD = 0;
/**
 * The start of the request when the record was used an even number of times; the next word for an odd number.
 */
const STARTED = 1;
const DURATION = 3;
/**
 * The number of an id that the thread has made: its low words, for an even and an odd number of uses, and the
 * words with the rest of it.
 *
 *   bits 0..20   the number, from bit 32 on
 *   bit 21       1: the id is a text
 *   bits 22..31  the start of the request, from bit 32 on: so its age is right for 139 years
 */
const ID_LOW = 4;
const HIGH = 6;
const ID_BITS = 0x1fffff;
const TEXT = 0x200000;
const STARTED_SHIFT = 22;
const TWO_32 = 2 ** 32;

const ROUTE_BITS = 0xfff;
const STATUS_SHIFT = 12;
const STATUS_BITS = 0x3ff << STATUS_SHIFT;
const USES_SHIFT = 22;
const INDEX_BITS = FLIGHTS - 1;
const INDEX_WIDTH = 32 - Math.clz32(INDEX_BITS);
/** Bits of the number of a request that tell it from others which have had its record. */
const REQUEST_BITS = 0x7fffffff >>> INDEX_WIDTH;
/** No request has this number. */
const NO_REQUEST = -1;
const MOST_US = 0x7fffffff;

/** Where the text of the id is that belongs to a head. @param index number of the record */
const idAt = (index: number, head: number): number =>
  ((index << 1) | ((head >>> USES_SHIFT) & 1)) * FLIGHT_ID_WORDS;

/** Records the requests of one worker. Only the thread of this slot writes. */
export class FlightRecorder {
  readonly #words: Int32Array;
  readonly #ids: Int32Array;
  /**
   * Numbers of the records whose requests have ended, in the order of their ends: a ring with a first element
   * and a size.
   */
  readonly #ended = Uint8Array.from({ length: FLIGHTS }, (_, index) => index);
  #first = 0;
  #size = FLIGHTS;
  /** The numbers of the requests in flight, by record. */
  readonly #requests = new Int32Array(FLIGHTS).fill(NO_REQUEST);
  #begun = 0;

  /** @param prefix of the ids that this thread makes */
  constructor(block: Block, slot: number, prefix = '') {
    this.#words = block.words('flights', slot);
    this.#ids = block.words('flightIds', slot);
    writeId(block.words('flightPrefix', slot), 0, prefix);
  }

  /**
   * @param route its number, 1..4095
   * @param now shared clock, milliseconds
   * @param id of the request, ASCII; empty for a request without one
   * @param number of the id, when this thread has made it (`RequestIds.numberOf`); 0: the id is a text
   * @returns the number that `end` needs
   */
  begin(route: number, now: number, id = '', number = 0): number {
    const words = this.#words;
    const index = this.#next();
    const at = index * FLIGHT_WORDS;
    const uses = (words[at + HEAD]! >>> USES_SHIFT) + 1;
    const head = (uses << USES_SHIFT) | route;
    words[at + STARTED + (uses & 1)] = toWord(now);
    const startedHigh = (now / TWO_32) << STARTED_SHIFT;
    if (number > 0) {
      words[at + ID_LOW + (uses & 1)] = number | 0;
      words[at + HIGH + (uses & 1)] = startedHigh | (number / TWO_32);
    } else {
      words[at + HIGH + (uses & 1)] = startedHigh | TEXT;
      writeId(this.#ids, idAt(index, head), id);
    }
    Atomics.store(words, at + HEAD, head);
    // The record is taken behind the last call, so a call for which the stack is too full takes none.
    if (this.#size > 0) {
      this.#first = (this.#first + 1) & INDEX_BITS;
      this.#size--;
    }
    const request = ((++this.#begun & REQUEST_BITS) << INDEX_WIDTH) | index;
    this.#requests[index] = request;
    return request;
  }

  /** @param request from `begin` */
  end(request: number, status: number, microseconds: number): void {
    const words = this.#words;
    const index = request & INDEX_BITS;
    if (this.#requests[index] !== request) return; // another request has taken its record
    const at = index * FLIGHT_WORDS;
    words[at + DURATION] = microseconds < MOST_US ? microseconds | 0 : MOST_US;
    Atomics.store(words, at + HEAD, (words[at + HEAD]! & ~STATUS_BITS) | (status << STATUS_SHIFT));
    // Behind the last call, as at the beginning: an end that is cut off is reported again.
    this.#requests[index] = NO_REQUEST;
    this.#ended[(this.#first + this.#size) & INDEX_BITS] = index;
    this.#size++;
  }

  /** The number of the record that the next request takes. */
  #next(): number {
    // When all records are in flight, the one that was taken last stands before the first element.
    return this.#ended[(this.#size === 0 ? this.#first - 1 : this.#first) & INDEX_BITS]!;
  }
}

/** One request, as its record shows it. */
export interface Flight {
  /** Number of its route. */
  readonly route: number;
  readonly requestId: string | undefined;
  /** Milliseconds since it began. */
  readonly ageMs: number;
  /** Undefined while the request is in flight. */
  readonly ended: { readonly status: number; readonly microseconds: number } | undefined;
}

/**
 * Called for a request in flight.
 * @param index number of its record
 * @param head tells it from the other requests in the record, together with `startedAt`
 * @param startedAt a word of the shared clock
 */
export type FlightVisit = (index: number, head: number, startedAt: number, ageMs: number) => void;

/** Reads the record of one worker. Any thread may read, at any time. */
export class FlightReader {
  readonly #words: Int32Array;
  readonly #ids: Int32Array;
  readonly #prefix: Int32Array;
  readonly #id = new IdReader();

  constructor(block: Block, slot: number) {
    this.#words = block.words('flights', slot);
    this.#ids = block.words('flightIds', slot);
    this.#prefix = block.words('flightPrefix', slot);
  }

  /**
   * The requests that the worker has in flight, then those that have ended, the newest first in both groups.
   * @param now shared clock, milliseconds
   */
  all(now: number): Flight[] {
    const isOver = ({ ended }: Flight): number => (ended === undefined ? 0 : 1);
    return this.#read(now).sort((a, b) => isOver(a) - isOver(b) || a.ageMs - b.ageMs);
  }

  /**
   * Visits the requests that have been in flight for `leastMs` or longer, in no order. It makes nothing, for
   * a reader that has seen most of them before.
   * @param now shared clock, milliseconds
   */
  visit(now: number, leastMs: number, found: FlightVisit): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at += FLIGHT_WORDS) {
      const head = Atomics.load(words, at + HEAD);
      if (head === 0 || (head & STATUS_BITS) !== 0) continue;
      const parity = (head >>> USES_SHIFT) & 1;
      const startedAt = Atomics.load(words, at + STARTED + parity);
      const ageMs = ageOf(now, startedAt, Atomics.load(words, at + HIGH + parity));
      // A request that has begun since the head was read is too young.
      if (ageMs >= leastMs && Atomics.load(words, at + HEAD) === head)
        found(at / FLIGHT_WORDS, head, startedAt, ageMs);
    }
  }

  /** @returns the request in flight of a visit; undefined when it has ended since */
  read(index: number, head: number): Pick<Flight, 'route' | 'requestId'> | undefined {
    return this.#one(index, 0, this.#prefixText(), head);
  }

  #read(now: number): Flight[] {
    const prefix = this.#prefixText();
    const flights: Flight[] = [];
    for (let index = 0; index < FLIGHTS; index++) {
      const flight = this.#one(index, now, prefix);
      if (flight !== undefined) flights.push(flight);
    }
    return flights;
  }

  #prefixText(): string {
    this.#id.copy(this.#prefix, 0);
    return this.#id.text;
  }

  /** @param expected the head that the record must have @default any */
  #one(index: number, now: number, prefix: string, expected?: number): Flight | undefined {
    const words = this.#words;
    const at = index * FLIGHT_WORDS;
    for (;;) {
      const head = Atomics.load(words, at + HEAD);
      if (head === 0 || (expected !== undefined && head !== expected)) return undefined;
      const parity = (head >>> USES_SHIFT) & 1;
      const started = Atomics.load(words, at + STARTED + parity);
      const microseconds = Atomics.load(words, at + DURATION);
      const low = Atomics.load(words, at + ID_LOW + parity);
      const high = Atomics.load(words, at + HIGH + parity);
      const isText = (high & TEXT) !== 0;
      if (isText) this.#id.copy(this.#ids, idAt(index, head));
      if (Atomics.load(words, at + HEAD) !== head) continue;
      const status = (head & STATUS_BITS) >>> STATUS_SHIFT;
      const id = isText ? this.#id.text : numberedId(prefix, (high & ID_BITS) * TWO_32 + (low >>> 0));
      return {
        route: head & ROUTE_BITS,
        requestId: id === '' ? undefined : id,
        ageMs: ageOf(now, started, high),
        ended: status === 0 ? undefined : { status, microseconds },
      };
    }
  }
}

/**
 * Milliseconds since a request began; 0 when that is slightly later than `now`, which another thread has
 * read.
 * @param high the word that has the high bits of its start
 */
const ageOf = (now: number, started: number, high: number): number =>
  Math.max(0, Math.floor(now) - (high >>> STARTED_SHIFT) * TWO_32 - (started >>> 0));

/** All requests of a record: see `FlightReader.all`. */
export const readFlights = (block: Block, slot: number, now: number): Flight[] =>
  new FlightReader(block, slot).all(now);

/** Empties the record of a slot whose thread has ended. Called by the primary only. */
export function clearFlights(block: Block, slot: number): void {
  const words = block.words('flights', slot);
  for (let at = 0; at < words.length; at++) Atomics.store(words, at, 0);
}
