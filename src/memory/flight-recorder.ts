// The flight record: the last requests of each worker, read by the primary when the worker is in trouble. A
// ring of records of 4 words; a record is for one request from its begin to its end and is kept until it is
// the oldest that has ended, so those in flight, which are the ones that matter, do not give way to those
// that have come and gone.
//
// The first word, the head, holds what belongs together:
//
//   bits 0..11   number of the route: see route-names.ts
//   bits 12..21  status of the response, 0 while in flight
//   bits 22..31  how often the record was used (wraps); the whole head is 0 when it never was
//
// The other words are stored before the head that speaks of them, and the start in one of two words in turn,
// so that the next request writes nothing that the head of the last one speaks of. So a record is whole at
// any moment, also when its writer dies, and a reader that finds the same head before and after the rest has
// read one request, not two. The head is stored atomically, so what was stored before it is seen with it. The
// start may be seen early, since no head speaks of it yet; the duration lies behind the whole request
// (bench/micro/flight-recorder.ts: about 28 ns).
import type { Block } from './block.js';
import { elapsed, toWord } from './elapsed.js';
import { FLIGHT_WORDS, FLIGHTS } from './layout.js';

const HEAD = 0;
/** The start of every second use of the record; the other uses have it in the next word. */
const STARTED = 1;
const DURATION = 3;

const ROUTE_BITS = 0xfff;
const STATUS_SHIFT = 12;
const STATUS_BITS = 0x3ff << STATUS_SHIFT;
const USES_SHIFT = 22;
const INDEX_BITS = FLIGHTS - 1;
const MOST_US = 0x7fffffff;

/** Written by the worker of this slot alone. Lives as long as its thread. */
export class FlightRecorder {
  readonly #words: Int32Array;
  /** Records whose requests have ended, oldest first: a ring of its own. */
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
   * @returns what `end` is to be given
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
    if (words[at + HEAD] !== head) return; // its record was given away
    words[at + DURATION] = microseconds < MOST_US ? microseconds | 0 : MOST_US;
    Atomics.store(words, at + HEAD, head | (status << STATUS_SHIFT));
    this.#ended[(this.#first + this.#size) & INDEX_BITS] = index;
    this.#size++;
  }

  #take(): number {
    if (this.#size === 0) {
      // With more requests in flight than records the newest are kept.
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

/** One request, as its worker left it. */
export interface Flight {
  /** Number of its route. */
  readonly route: number;
  /** Milliseconds since it began, right for 49 days. */
  readonly ageMs: number;
  /** Undefined while the request is in flight. */
  readonly ended: { readonly status: number; readonly microseconds: number } | undefined;
}

/**
 * What a worker has in flight, then what it has ended; each newest first. Any thread may read, at any time.
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
