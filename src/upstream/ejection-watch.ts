// What the registry shows of ejections. Workers decide by themselves and see it at once; here it is looked at
// now and then, so that watchers hear of it, an instance returns also when nobody calls, and never too many
// are out when others leave.
import type { EjectionCells } from '../memory/ejection-cells.js';
import type { Registry } from '../registry/registry.js';
import { hasRoom } from './outliers.js';

const EVERY_MS = 200;

type Seen = Pick<EjectionCells, 'help' | 'isEjected' | 'release' | 'state' | 'version'>;

/** @returns how to stop it */
export function watchEjections(cells: Seen, registry: Registry): () => void {
  const watch = new EjectionWatch(cells, registry);
  const timer = setInterval(() => watch.look(), EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

export class EjectionWatch {
  readonly #cells: Seen;
  readonly #registry: Registry;
  /** Of what was seen last; nothing is looked at while both are the same and nobody is out. */
  #version: number | undefined;
  #revision = '';
  #out: ReadonlySet<string> = new Set();

  constructor(cells: Seen, registry: Registry) {
    this.#cells = cells;
    this.#registry = registry;
  }

  look(): void {
    this.#cells.help();
    const version = this.#cells.version();
    if (version === this.#version && this.#registry.revision === this.#revision && this.#out.size === 0)
      return;
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
    this.#revision = this.#registry.revision;
  }

  #lookAt(service: string, protocol: 'http' | 'grpc', out: Set<string>): void {
    const instances = this.#registry.instances(service).filter((instance) => instance.protocol === protocol);
    const ejected = instances.filter(({ slot }) => this.#cells.isEjected(slot));
    // The last one that went is the first to come back.
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
