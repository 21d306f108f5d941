// Brings ejections into the registry. Workers eject instances by themselves, in shared memory. The primary
// looks at it several times a second, so that watchers of the registry are notified, an instance returns even
// when no worker calls it, and when instances leave, not too many of the others stay ejected.
import type { Every } from '../grouped-interval.js';
import type { EjectionCells } from '../memory/ejection-cells.js';
import type { Registry } from '../registry/registry.js';
import { hasRoom } from './outliers.js';

const EVERY_MS = 200;

type WatchedCells = Pick<EjectionCells, 'help' | 'isEjected' | 'release' | 'state' | 'version'>;

/** @returns a function that stops the watch */
export function watchEjections(cells: WatchedCells, registry: Registry, every: Every): () => void {
  const watch = new EjectionWatch(cells, registry);
  return every(EVERY_MS, () => watch.look());
}

export class EjectionWatch {
  readonly #cells: WatchedCells;
  readonly #registry: Registry;
  /** The version of the cells at the last look. While it is the same and none is ejected, nothing is done. */
  #version: number | undefined;
  #out: ReadonlySet<string> = new Set();

  constructor(cells: WatchedCells, registry: Registry) {
    this.#cells = cells;
    this.#registry = registry;
  }

  look(): void {
    this.#cells.help();
    const version = this.#cells.version();
    if (version === this.#version && this.#out.size === 0) return;
    const out = new Set<string>();
    for (const service of Object.keys(this.#registry.services())) {
      for (const protocol of ['http', 'grpc'] as const) this.#lookAt(service, protocol, out);
    }
    for (const name of new Set([...out, ...this.#out])) {
      if (out.has(name) === this.#out.has(name)) continue;
      const [service = '', id = ''] = name.split(' ');
      this.#registry.ejectionChanged(service, id);
    }
    this.#out = out;
    this.#version = version;
  }

  #lookAt(service: string, protocol: 'http' | 'grpc', out: Set<string>): void {
    const instances = this.#registry.placesOf(service).filter((place) => place.protocol === protocol);
    const ejected = instances.filter(({ slot }) => this.#cells.isEjected(slot));
    // The instance that was ejected last is the first to return.
    ejected.sort((a, b) => this.#leftMs(b.slot) - this.#leftMs(a.slot));
    for (const { id, slot } of ejected) {
      const isOut = (other: number): boolean => this.#cells.isEjected(other);
      if (hasRoom(instances, slot, isOut)) out.add(`${service} ${id}`);
      else this.#cells.release(slot);
    }
  }

  #leftMs(slot: number): number {
    const seen = this.#cells.state(slot);
    return seen.state === 'ejected' ? seen.leftMs : 0;
  }
}
