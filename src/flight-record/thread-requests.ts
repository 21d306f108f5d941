// The requests in flight of the thread in one slot as JSON text, for the file. A text is made again only when
// a request has begun or ended since: times in it are those of the shared clock, so it does not age.
import { FlightReader } from '../memory/flight-recorder.js';
import { RouteNameReader } from '../memory/route-names.js';
import { areSame, type SlotRequests } from '../memory/slot-requests.js';
import type { FlightRecordMemory } from '../telemetry/recent-requests.js';

/** A longer template is cut. */
const MOST_TEMPLATE = 256;

export interface ThreadText {
  /** JSON of a `ThreadInFile` (contents.ts). */
  readonly text: string;
  /** The number of requests in flight that are in the text. */
  readonly requests: number;
}

interface Made extends ThreadText {
  readonly of: SlotRequests;
  readonly most: number;
}

interface Entries {
  readonly entries: readonly string[];
  readonly leftOut: number;
  /** The names of all routes are known. */
  readonly areNamed: boolean;
}

export class ThreadRequests {
  readonly #flights: FlightReader;
  readonly #routes: RouteNameReader;
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
    const { entries, leftOut, areNamed } = this.#entries(now, most);
    const { worker, generation } = seen;
    const text = `{"worker":${worker},"generation":${generation},"leftOut":${leftOut},"requests":[${entries.join()}]}`;
    const made = { of: seen, most, text, requests: entries.length };
    this.#made = areNamed ? made : undefined;
    return made;
  }

  #entries(now: number, most: number): Entries {
    const flights = this.#flights.inFlight(now);
    const entries: string[] = [];
    let left = most;
    let areNamed = true;
    for (const { route, requestId = '', ageMs } of flights) {
      const name = this.#routes.of(route);
      areNamed &&= name !== undefined;
      const { method, template } = name ?? { method: '_OTHER', template: '' };
      const shortened = template.slice(0, MOST_TEMPLATE);
      const entry = JSON.stringify([method, shortened, requestId, Math.round(now - ageMs)]);
      left -= Buffer.byteLength(entry) + 1;
      if (left < 0) break;
      entries.push(entry);
    }
    return { entries, leftOut: flights.length - entries.length, areNamed };
  }
}
