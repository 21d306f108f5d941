// The registry as one worker sees it. It reads what the primary has published since the last look, and
// applies it: a change costs a copy of the list of its service. Lists and endpoints are immutable; a list
// keeps its identity until the next change of its service.
import { type Endpoint, originOf } from '../registry/endpoint.js';
import { type EndpointChange, parseLines } from '../registry/snapshot-text.js';

/** How far the view has read; only the source knows what is in it. */
interface Position {
  readonly version: number;
  readonly at: number;
}

/** The source of published lines: memory/snapshot-log.ts. */
export interface PublishedLines {
  /** A number that changes with every publication. It is cheap to read. */
  count(): number;
  read(cursor?: Position): {
    readonly text: string;
    /** Whether the lines replace everything that was read before. */
    readonly isWhole: boolean;
    readonly cursor: Position;
    readonly count: number;
  };
}

type Protocol = Endpoint['protocol'];
type Lists = Readonly<Record<Protocol, Map<string, readonly Endpoint[]>>>;
/** Lists that a reading has made, and that it may still change. */
type Fresh = Set<readonly Endpoint[]>;

const NONE: readonly Endpoint[] = [];

export class RegistryView {
  readonly #source: PublishedLines;
  readonly #onLeave: (endpoint: Endpoint) => void;
  #count: number | undefined;
  #cursor: Position | undefined;
  #revision = '';
  /** Endpoints that have left and that were not passed to `#onLeave` yet. */
  readonly #left = new Set<Endpoint>();
  /** By service and id. */
  #endpoints = new Map<string, Endpoint>();
  /** Endpoints of each service, in the order of their ids. */
  #lists: Lists = { http: new Map(), grpc: new Map() };
  /** The addresses of all endpoints; undefined until they are needed. */
  #addresses: ReadonlySet<string> | undefined;

  /** @param onLeave called for every endpoint that has left or has another address now */
  constructor(source: PublishedLines, onLeave: (endpoint: Endpoint) => void = () => undefined) {
    this.#source = source;
    this.#onLeave = onLeave;
  }

  /** The endpoints of a service for one protocol, in the order of their ids; empty when there are none. */
  endpoints(service: string, protocol: Protocol = 'http'): readonly Endpoint[] {
    this.refresh();
    return this.#lists[protocol].get(service) ?? NONE;
  }

  /** @returns the endpoint of a row of the shared tables, searching all of them */
  at(slot: number): Endpoint | undefined {
    this.refresh();
    return [...this.#endpoints.values()].find((endpoint) => endpoint.slot === slot);
  }

  /** Whether there is an instance with this id. */
  has(service: string, id: string): boolean {
    this.refresh();
    return this.#endpoints.has(keyOf(service, id));
  }

  /** Whether any instance, of whatever service, has this address. */
  hasAddress(address: string): boolean {
    this.refresh();
    this.#addresses ??= new Set([...this.#endpoints.values()].map(({ host }) => host));
    return this.#addresses.has(address);
  }

  /** The revision of the state in use; empty before the first. */
  get revision(): string {
    this.refresh();
    return this.#revision;
  }

  /**
   * Reads what is new. Every reader of the view calls this. It may throw when the stack of the reader is
   * nearly full. The position is stored last, so the next reader repeats it, and what is applied twice
   * changes nothing.
   */
  refresh(): void {
    if (this.#source.count() !== this.#count) this.#read();
    for (const endpoint of this.#left) {
      this.#onLeave(endpoint);
      this.#left.delete(endpoint);
    }
  }

  #read(): void {
    const { text, isWhole, cursor, count } = this.#source.read(this.#cursor);
    const { revision, changes } = parseLines(text);
    if (isWhole) this.#replaceBy(changes);
    else {
      const fresh: Fresh = new Set();
      for (const change of changes) this.#apply(change, fresh);
    }
    this.#addresses = undefined;
    this.#revision = revision ?? this.#revision;
    this.#cursor = cursor;
    this.#count = count;
  }

  /** @param changes a snapshot, and perhaps changes after it */
  #replaceBy(changes: readonly EndpointChange[]): void {
    const endpoints = new Map<string, Endpoint>();
    for (const change of changes) {
      if (change.type === 'put')
        endpoints.set(keyOf(change.endpoint.service, change.endpoint.id), change.endpoint);
      else endpoints.delete(keyOf(change.service, change.id));
    }
    const lists = listsOf(endpoints.values());
    for (const [key, endpoint] of this.#endpoints)
      if (hasMoved(endpoint, endpoints.get(key))) this.#left.add(endpoint);
    this.#endpoints = endpoints;
    this.#lists = lists;
  }

  #apply(change: EndpointChange, fresh: Fresh): void {
    const { service, id } = change.type === 'put' ? change.endpoint : change;
    const next = change.type === 'put' ? change.endpoint : undefined;
    const key = keyOf(service, id);
    const last = this.#endpoints.get(key);
    if (last !== undefined && hasMoved(last, next)) this.#left.add(last);
    if (last !== undefined && last.protocol !== next?.protocol) this.#list(last, fresh, true);
    if (next !== undefined) this.#list(next, fresh, false);
    if (next === undefined) this.#endpoints.delete(key);
    else this.#endpoints.set(key, next);
  }

  /** Puts an endpoint into the list of its service, or takes it out. */
  #list(endpoint: Endpoint, fresh: Fresh, isGone: boolean): void {
    const { service, protocol, id } = endpoint;
    const lists = this.#lists[protocol];
    const known = lists.get(service) ?? NONE;
    const list = fresh.has(known) ? (known as Endpoint[]) : [...known];
    fresh.add(list);
    const at = indexOf(list, id);
    const isListed = list[at]?.id === id;
    if (!isGone) list.splice(at, isListed ? 1 : 0, endpoint);
    else if (isListed) list.splice(at, 1);
    if (list.length === 0) lists.delete(service);
    else lists.set(service, list);
  }
}

const keyOf = (service: string, id: string): string => `${service} ${id}`;

/** Whether connections to an endpoint lead to another one now, or to none. */
const hasMoved = (last: Endpoint, next: Endpoint | undefined): boolean =>
  next === undefined || next.protocol !== last.protocol || originOf(next) !== originOf(last);

/** @returns where an id is in a list, or belongs */
function indexOf(list: readonly Endpoint[], id: string): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function listsOf(endpoints: Iterable<Endpoint>): Lists {
  const lists = { http: new Map<string, Endpoint[]>(), grpc: new Map<string, Endpoint[]>() };
  for (const endpoint of endpoints) {
    const services = lists[endpoint.protocol];
    const list = services.get(endpoint.service);
    if (list === undefined) services.set(endpoint.service, [endpoint]);
    else list.push(endpoint);
  }
  for (const services of Object.values(lists)) {
    for (const list of services.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  return lists;
}
