// The requests in flight of the thread in one slot as JSON text, for the file. A text is made again only when
// a request has begun or ended since, and the text of each request once: times in it are those of the shared
// clock, so it does not age.
import { FlightReader } from '../memory/flight-recorder.js';
import { RouteNameReader } from '../memory/route-names.js';
import { areSame, type SlotRequests } from '../memory/slot-requests.js';
import type { FlightRecordMemory } from '../telemetry/recent-requests.js';

/** A longer template is cut. */
const MOST_TEMPLATE = 256;
/**
 * Younger requests are left out. They are in the text of the next write, a quarter of a second later, early
 * enough for the report. Most requests end sooner and cost nothing.
 */
const LEAST_MS = 100;

export interface ThreadText {
  /** JSON of a `ThreadInFile` (contents.ts). */
  readonly text: string;
  /** The number of requests in flight that are in the text. */
  readonly requests: number;
  /** When the newest of them began, on the shared clock in milliseconds; 0 for none. */
  readonly newest: number;
}

interface Made extends ThreadText {
  readonly of: SlotRequests;
  readonly most: number;
}

/** The text of one request, with what tells the request from others in the same record. */
interface Entry {
  readonly head: number;
  readonly startedAt: number;
  /** Start on the shared clock, in milliseconds. */
  readonly since: number;
  readonly text: string;
  readonly bytes: number;
}

export class ThreadRequests {
  readonly #flights: FlightReader;
  readonly #routes: RouteNameReader;
  /** By the number of the record. */
  readonly #entries: (Entry | undefined)[] = [];
  #made: Made | undefined;

  constructor({ block, series }: Pick<FlightRecordMemory, 'block' | 'series'>, slot: number) {
    this.#flights = new FlightReader(block, slot);
    this.#routes = new RouteNameReader(series.of(slot));
  }

  /**
   * @param seen read before this call: a request that begins meanwhile is found now or next time
   * @param now shared clock, milliseconds
   * @param most bytes of its requests; when there are more, the newest ones are in the text
   */
  textOf(seen: SlotRequests, now: number, most: number): ThreadText {
    if (this.#made?.most === most && areSame(this.#made.of, seen)) return this.#made;
    const entries: Entry[] = [];
    let isComplete = true;
    this.#flights.visit(now, LEAST_MS, (index, head, startedAt, ageMs) => {
      const entry = this.#kept(index, head, startedAt) ?? this.#make(index, head, startedAt, now - ageMs);
      if (entry !== undefined) entries.push(entry);
      isComplete &&= entry !== undefined && this.#entries[index] === entry;
    });
    isComplete &&= entries.length >= seen.inFlight;
    const fitting = thatFit(entries, most);
    const { worker, generation } = seen;
    const leftOut = entries.length - fitting.length;
    const requests = fitting.map(({ text }) => text).join();
    const text = `{"worker":${worker},"generation":${generation},"leftOut":${leftOut},"requests":[${requests}]}`;
    const newest = entries.reduce((latest, { since }) => Math.max(latest, since), 0);
    const made = { of: seen, most, text, requests: fitting.length, newest };
    this.#made = isComplete ? made : undefined;
    return made;
  }

  #kept(index: number, head: number, startedAt: number): Entry | undefined {
    const kept = this.#entries[index];
    return kept?.head === head && kept.startedAt === startedAt ? kept : undefined;
  }

  /** @returns undefined when the request has ended since; the entry is kept when its route has a name */
  #make(index: number, head: number, startedAt: number, since: number): Entry | undefined {
    const flight = this.#flights.read(index, head);
    if (flight === undefined) return undefined;
    const name = this.#routes.of(flight.route);
    const { method, template } = name ?? { method: '_OTHER', template: '' };
    const { requestId = '' } = flight;
    const text = JSON.stringify([method, template.slice(0, MOST_TEMPLATE), requestId, Math.round(since)]);
    const entry = { head, startedAt, since, text, bytes: Buffer.byteLength(text) };
    this.#entries[index] = name === undefined ? undefined : entry;
    return entry;
  }
}

/** The newest entries, as many as have room. */
function thatFit(entries: readonly Entry[], most: number): readonly Entry[] {
  if (entries.reduce((sum, { bytes }) => sum + bytes + 1, 0) <= most) return entries;
  let left = most;
  const newest = entries.toSorted((a, b) => b.since - a.since);
  const end = newest.findIndex(({ bytes }) => {
    left -= bytes + 1;
    return left < 0;
  });
  return newest.slice(0, end);
}
