// Brings ejections into the registry. Workers eject instances by themselves, in shared memory. The primary
// looks at it several times a second, so that watchers of the registry are notified, an instance returns even
// when no worker calls it, and when instances leave, not too many of the others stay ejected.
import type { Every } from '../grouped-interval.js';
import type { EjectionCells } from '../memory/ejection-cells.js';
import type { Registry } from '../registry/registry.js';
import { mayEject } from '../resilience/ejection.js';

const EVERY_MS = 200;

type WatchedCells = Pick<
  EjectionCells,
  'ejectedSlots' | 'help' | 'isEjected' | 'release' | 'state' | 'version'
>;

/** @returns a function that stops the watch */
export function watchEjections(cells: WatchedCells, registry: Registry, every: Every): () => void {
  const watch = new EjectionWatch(cells, registry);
  return every(EVERY_MS, () => watch.look());
}

export class EjectionWatch {
  readonly #cells: WatchedCells;
  readonly #registry: Registry;
  /** Versions of the cells and of the registry at the last look. While they are the same, nothing is done. */
  #version: number | undefined;
  #revision: string | undefined;
  /** The ejected instances, with their slots. */
  #out: ReadonlyMap<string, number> = new Map();

  constructor(cells: WatchedCells, registry: Registry) {
    this.#cells = cells;
    this.#registry = registry;
  }

  look(): void {
    this.#cells.help();
    // This ends ejections whose time is over, which changes the version.
    for (const slot of this.#out.values()) this.#cells.isEjected(slot);
    const version = this.#cells.version();
    const { revision } = this.#registry;
    if (version === this.#version && (revision === this.#revision || this.#out.size === 0)) return;
    const out = new Map<string, number>();
    for (const service of this.#services()) {
      for (const protocol of ['http', 'grpc'] as const) this.#lookAt(service, protocol, out);
    }
    for (const name of new Set([...out.keys(), ...this.#out.keys()])) {
      if (out.has(name) === this.#out.has(name)) continue;
      const [service = '', id = ''] = name.split(' ');
      this.#registry.ejectionChanged(service, id);
    }
    this.#out = out;
    this.#version = version;
    this.#revision = this.#registry.revision;
  }

  /** Those with an ejected instance. Reading all slots costs less than looking at all services. */
  #services(): ReadonlySet<string> {
    const names = this.#cells.ejectedSlots().map((slot) => this.#registry.at(slot)?.service);
    return new Set(names.filter((name) => name !== undefined));
  }

  #lookAt(service: string, protocol: 'http' | 'grpc', out: Map<string, number>): void {
    const staying = this.#registry
      .placesOf(service)
      .filter((place) => place.protocol === protocol && place.state !== 'draining');
    const ejected = this.#ejected(service, protocol);
    if (ejected.length === 0) return;
    const isOut = new Set(ejected.map(({ slot }) => slot));
    let left = staying.filter(({ slot }) => isOut.has(slot)).length;
    let others = staying.filter(({ slot, state }) => state === 'healthy' && !isOut.has(slot)).length;
    // The instance that was ejected last is the first to return.
    for (const { id, slot, state } of ejected) {
      if (state !== 'draining' && mayEject(staying.length, left - 1, others)) {
        out.set(`${service} ${id}`, slot);
        continue;
      }
      this.#cells.release(slot);
      if (state === 'draining') continue;
      left -= 1;
      if (state === 'healthy') others += 1;
    }
  }

  /** Those that are ejected, the latest first. */
  #ejected(service: string, protocol: 'http' | 'grpc') {
    return this.#registry
      .placesOf(service)
      .filter((place) => place.protocol === protocol && this.#cells.isEjected(place.slot))
      .map((place) => ({ ...place, leftMs: this.#leftMs(place.slot) }))
      .sort((a, b) => b.leftMs - a.leftMs);
  }

  #leftMs(slot: number): number {
    const seen = this.#cells.state(slot);
    return seen.state === 'ejected' ? seen.leftMs : 0;
  }
}
