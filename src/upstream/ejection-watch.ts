// Brings ejections into the registry. Workers eject instances by themselves, in shared memory. The primary
// looks at it several times a second, so that watchers of the registry are notified, an instance returns even
// when no worker calls it, and when instances leave, not too many of the others stay ejected.
import type { Every } from '../grouped-interval.js';
import type { EjectionCells } from '../memory/ejection-cells.js';
import type { Registry } from '../registry/registry.js';
import { mayEject } from '../resilience/ejection.js';

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
        out.add(`${service} ${id}`);
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
