// The registry as one worker sees it: the last snapshot that the primary published, parsed again only when
// its version has changed. Everything in it is immutable; a list keeps its identity until the next change.
import type { Endpoint } from '../registry/endpoint.js';
import { type KnownLines, parseSnapshot } from '../registry/snapshot-text.js';

/**
 * The source of snapshots: a version that is cheap to read, and the text (empty before the first snapshot).
 */
export interface SnapshotSource {
  version(): number;
  read(): { readonly version: number; readonly text: string };
}

type ByService = ReadonlyMap<string, readonly Endpoint[]>;

const NONE: readonly Endpoint[] = [];

export class RegistryView {
  readonly #source: SnapshotSource;
  readonly #onLeave: (endpoint: Endpoint) => void;
  #version: number | undefined;
  /** Endpoints that have left and that were not passed to `#onLeave` yet. */
  readonly #left: Endpoint[] = [];
  #revision = '';
  #lines: KnownLines = new Map();
  #endpoints = new Map<string, Endpoint>();
  #addresses = new Set<string>();
  #ids = new Map<string, Set<string>>();
  #byService: Readonly<Record<Endpoint['protocol'], ByService>> = { http: new Map(), grpc: new Map() };

  /** @param onLeave called for every endpoint that has left or has another address now */
  constructor(source: SnapshotSource, onLeave: (endpoint: Endpoint) => void = () => undefined) {
    this.#source = source;
    this.#onLeave = onLeave;
  }

  /** The endpoints of a service for one protocol, in the order of their ids; empty when there are none. */
  endpoints(service: string, protocol: Endpoint['protocol'] = 'http'): readonly Endpoint[] {
    this.refresh();
    return this.#byService[protocol].get(service) ?? NONE;
  }

  /** @returns the endpoint of a row of the shared tables, searching all of them */
  at(slot: number): Endpoint | undefined {
    this.refresh();
    return [...this.#endpoints.values()].find((endpoint) => endpoint.slot === slot);
  }

  /** Whether there is an instance with this id. */
  has(service: string, id: string): boolean {
    this.refresh();
    return this.#ids.get(service)?.has(id) ?? false;
  }

  /** Whether any instance, of whatever service, has this address. */
  hasAddress(address: string): boolean {
    this.refresh();
    return this.#addresses.has(address);
  }

  /** The revision of the snapshot in use; empty before the first. */
  get revision(): string {
    this.refresh();
    return this.#revision;
  }

  /**
   * Reads a newer snapshot, if there is one. Every reader of the view calls this. It may throw when the stack
   * of the reader is nearly full; the version is stored last, so that the next reader repeats it.
   */
  refresh(): void {
    if (this.#source.version() !== this.#version) this.#readSnapshot();
    while (this.#left.length > 0) this.#leave(this.#left.shift()!);
  }

  #leave(endpoint: Endpoint): void {
    try {
      this.#onLeave(endpoint);
    } catch (error) {
      this.#left.unshift(endpoint);
      throw error;
    }
  }

  #readSnapshot(): void {
    const { version, text } = this.#source.read();
    if (text !== '') {
      const { revision, lines } = parseSnapshot(text, this.#lines);
      const listed = [...lines.values()];
      const endpoints = new Map(listed.map((endpoint) => [addressOf(endpoint), endpoint]));
      const left = [...this.#endpoints].filter(([address]) => !endpoints.has(address));
      const addresses = new Set(listed.map(({ host }) => host));
      const [ids, byService] = [idsOf(listed), group(listed)];
      this.#left.push(...left.map(([, endpoint]) => endpoint));
      this.#revision = revision;
      this.#lines = lines;
      this.#endpoints = endpoints;
      this.#addresses = addresses;
      this.#ids = ids;
      this.#byService = byService;
    }
    this.#version = version;
  }
}

const addressOf = ({ service, id, host, port }: Endpoint): string => `${service} ${id} ${host} ${port}`;

function idsOf(endpoints: readonly Endpoint[]): Map<string, Set<string>> {
  const ids = new Map<string, Set<string>>();
  for (const { service, id } of endpoints) ids.set(service, (ids.get(service) ?? new Set()).add(id));
  return ids;
}

function group(endpoints: readonly Endpoint[]): Readonly<Record<Endpoint['protocol'], ByService>> {
  const groups = { http: new Map<string, Endpoint[]>(), grpc: new Map<string, Endpoint[]>() };
  for (const endpoint of endpoints) {
    const services = groups[endpoint.protocol];
    const list = services.get(endpoint.service);
    if (list === undefined) services.set(endpoint.service, [endpoint]);
    else list.push(endpoint);
  }
  for (const lists of Object.values(groups)) {
    for (const list of lists.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  return groups;
}
