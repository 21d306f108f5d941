// The requests in flight of the thread in one slot as JSON text, for the file. A text is made again only when
// a request has begun or ended since, and the text of each request once: times in it are those of the shared
// clock, so it does not age.
import { FlightReader } from '../memory/flight-recorder.js';
import { RouteNameReader, type RowBudget, rowBudget } from '../memory/route-names.js';
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

/** A request in flight, as its record shows it. */
interface Visited {
  readonly index: number;
  readonly head: number;
  readonly startedAt: number;
  readonly ageMs: number;
}

/** The text of one request, with what tells the request from others in the same record. */
interface Entry extends Pick<Visited, 'head' | 'startedAt'> {
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
   * @param most bytes of its requests; when there are more, the oldest ones are in the text
   */
  textOf(seen: SlotRequests, now: number, most: number): ThreadText {
    if (this.#made?.most === most && areSame(this.#made.of, seen)) return this.#made;
    const visited: Visited[] = [];
    let young = 0;
    this.#flights.visit(now, 0, (index, head, startedAt, ageMs) => {
      if (ageMs < LEAST_MS) young++;
      else visited.push({ index, head, startedAt, ageMs });
    });
    const { entries, ended, isNamed } = this.#entriesOf(visited, now, most);
    const { worker, generation, inFlight } = seen;
    // Requests without a record are counted as well.
    const leftOut = Math.max(0, inFlight - young - ended - entries.length);
    const requests = entries.map(({ text }) => text).join();
    const text = `{"worker":${worker},"generation":${generation},"leftOut":${leftOut},"requests":[${requests}]}`;
    const newest = entries.reduce((latest, { since }) => Math.max(latest, since), 0);
    const made = { of: seen, most, text, requests: entries.length, newest };
    this.#made = young === 0 && isNamed ? made : undefined;
    return made;
  }

  /** The oldest requests, as many as have room. */
  #entriesOf(
    visited: Visited[],
    now: number,
    most: number,
  ): { readonly entries: readonly Entry[]; readonly ended: number; readonly isNamed: boolean } {
    const entries: Entry[] = [];
    let left = most;
    let ended = 0;
    let isNamed = true;
    const budget = rowBudget();
    for (const request of visited.sort((a, b) => b.ageMs - a.ageMs)) {
      const entry = this.#kept(request) ?? this.#make(request, now, budget);
      if (entry === undefined) {
        ended++;
        continue;
      }
      left -= entry.bytes + 1;
      if (left < 0) break;
      entries.push(entry);
      isNamed &&= this.#entries[request.index] === entry;
    }
    return { entries, ended, isNamed };
  }

  #kept({ index, head, startedAt }: Visited): Entry | undefined {
    const kept = this.#entries[index];
    return kept?.head === head && kept.startedAt === startedAt ? kept : undefined;
  }

  /** @returns undefined when the request has ended since; the entry is kept when its route has a name */
  #make({ index, head, startedAt, ageMs }: Visited, now: number, budget: RowBudget): Entry | undefined {
    const flight = this.#flights.read(index, head);
    if (flight === undefined) return undefined;
    const name = this.#routes.of(flight.route, budget);
    const { method, template } = name ?? { method: '_OTHER', template: '' };
    const { requestId = '' } = flight;
    const since = now - ageMs;
    const text = JSON.stringify([method, template.slice(0, MOST_TEMPLATE), requestId, Math.round(since)]);
    const entry = { head, startedAt, since, text, bytes: Buffer.byteLength(text) };
    this.#entries[index] = name === undefined ? undefined : entry;
    return entry;
  }
}
