// The flight record: the last requests of each worker, read by the primary when the worker is in trouble. It
// has a fixed number of records of 4 words, one request in each. A new request takes the record of the
// request that ended first. So requests in flight, which matter most, keep their records while others begin
// and end, unless there are more of them than records.
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
// other words has read one request, not two. The head is stored atomically, so a reader that sees it sees the
// words stored before it as well. A begin and an end take about 28 ns (bench/micro/flight-recorder.ts).
import type { Block } from './block.js';
import { elapsed, toWord } from './elapsed.js';
import { FLIGHT_WORDS, FLIGHTS } from './layout.js';

const HEAD = 0;
/**
 * The start of the request when the record was used an even number of times; the next word for an odd number.
 */
const STARTED = 1;
const DURATION = 3;

const ROUTE_BITS = 0xfff;
const STATUS_SHIFT = 12;
const STATUS_BITS = 0x3ff << STATUS_SHIFT;
const USES_SHIFT = 22;
const INDEX_BITS = FLIGHTS - 1;
const MOST_US = 0x7fffffff;

/** Records the requests of one worker. Only the thread of this slot writes. */
export class FlightRecorder {
  readonly #words: Int32Array;
  /**
   * Numbers of the records whose requests have ended, in the order of their ends: a ring with a first element
   * and a size.
   */
  readonly #ended = Uint8Array.from({ length: FLIGHTS }, (_, index) => index);
  #first = 0;
  #size = FLIGHTS;
  /** The record that is reused next when all records are in flight. */
  #next = 0;

  constructor(block: Block, slot: number) {
    this.#words = block.words('flights', slot);
  }

  /**
   * @param route its number, 1..4095
   * @param now shared clock, milliseconds
   * @returns the number that `end` needs
   */
  begin(route: number, now: number): number {
    const words = this.#words;
    const index = this.#take();
    const at = index * FLIGHT_WORDS;
    const uses = (words[at + HEAD]! >>> USES_SHIFT) + 1;
    const head = (uses << USES_SHIFT) | route;
    words[at + STARTED + (uses & 1)] = toWord(now);
    Atomics.store(words, at + HEAD, head);
    return head | (index << STATUS_SHIFT);
  }

  /** @param flight from `begin` */
  end(flight: number, status: number, microseconds: number): void {
    const words = this.#words;
    const index = (flight >>> STATUS_SHIFT) & INDEX_BITS;
    const at = index * FLIGHT_WORDS;
    const head = flight & ~STATUS_BITS;
    if (words[at + HEAD] !== head) return; // another request has taken its record
    words[at + DURATION] = microseconds < MOST_US ? microseconds | 0 : MOST_US;
    Atomics.store(words, at + HEAD, head | (status << STATUS_SHIFT));
    this.#ended[(this.#first + this.#size) & INDEX_BITS] = index;
    this.#size++;
  }

  #take(): number {
    if (this.#size === 0) {
      // All records belong to requests in flight. The newest requests are kept, so the oldest one loses its
      // record.
      const given = this.#next;
      this.#next = (given + 1) & INDEX_BITS;
      return given;
    }
    const index = this.#ended[this.#first]!;
    this.#first = (this.#first + 1) & INDEX_BITS;
    this.#size--;
    return index;
  }
}

/** One request, as its record shows it. */
export interface Flight {
  /** Number of its route. */
  readonly route: number;
  /** Milliseconds since it began, correct for up to 49 days. */
  readonly ageMs: number;
  /** Undefined while the request is in flight. */
  readonly ended: { readonly status: number; readonly microseconds: number } | undefined;
}

/**
 * The requests that a worker has in flight, then those that have ended, the newest first in both groups. Any
 * thread may read, at any time.
 * @param now shared clock, milliseconds
 */
export function readFlights(block: Block, slot: number, now: number): Flight[] {
  const words = block.words('flights', slot);
  const flights: Flight[] = [];
  for (let index = 0; index < FLIGHTS; index++) {
    const flight = readFlight(words, index * FLIGHT_WORDS, now);
    if (flight !== undefined) flights.push(flight);
  }
  const isOver = ({ ended }: Flight): number => (ended === undefined ? 0 : 1);
  return flights.sort((a, b) => isOver(a) - isOver(b) || a.ageMs - b.ageMs);
}

function readFlight(words: Int32Array, at: number, now: number): Flight | undefined {
  for (;;) {
    const head = Atomics.load(words, at + HEAD);
    if (head === 0) return undefined;
    const started = Atomics.load(words, at + STARTED + ((head >>> USES_SHIFT) & 1));
    const microseconds = Atomics.load(words, at + DURATION);
    if (Atomics.load(words, at + HEAD) !== head) continue;
    const status = (head & STATUS_BITS) >>> STATUS_SHIFT;
    return {
      route: head & ROUTE_BITS,
      ageMs: elapsed(toWord(now), started),
      ended: status === 0 ? undefined : { status, microseconds },
    };
  }
}

/** Empties the record of a slot whose thread has ended. Called by the primary only. */
export function clearFlights(block: Block, slot: number): void {
  const words = block.words('flights', slot);
  for (let at = 0; at < words.length; at++) Atomics.store(words, at, 0);
}
