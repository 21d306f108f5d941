// The list of the instances of a service, as JSON. A service may have thousands of them, so the list is made
// in several turns of the event loop, in which connections are accepted, and once for all that ask for it at
// the same time. No client gets a list that was begun before a change of the registry that it knows of.
import type { InstanceView } from '../registry/instance.js';
import type { Registry } from '../registry/registry.js';
import { jsonList } from './json-list.js';

/** A list that is being made. */
interface Rendering {
  /** That of the registry when it was begun. */
  readonly revision: string;
  readonly bytes: Promise<Buffer>;
  /** The list that follows it, for those that ask after a change. */
  next?: Promise<Buffer>;
}

export class ServicePages {
  readonly #registry: Pick<Registry, 'revision' | 'views'>;
  readonly #viewOf: (instance: InstanceView) => object;
  readonly #running = new Map<string, Rendering>();

  /** @param viewOf makes the public view of an instance */
  constructor(registry: Pick<Registry, 'revision' | 'views'>, viewOf: (instance: InstanceView) => object) {
    this.#registry = registry;
    this.#viewOf = viewOf;
  }

  /** @throws ValidationError for a bad name */
  async of(service: string): Promise<Buffer> {
    const running = this.#running.get(service);
    if (running === undefined) return this.#begin(service);
    if (running.revision === this.#registry.revision) return running.bytes;
    running.next ??= running.bytes.then(() => this.of(service));
    return running.next;
  }

  #begin(service: string): Promise<Buffer> {
    const { revision } = this.#registry;
    const views = this.#registry.views(service);
    const bytes = this.#render(revision, views).finally(() => this.#running.delete(service));
    this.#running.set(service, { revision, bytes });
    return bytes;
  }

  /** A change that comes meanwhile may be in the list; a client that watches from `revision` gets it too. */
  #render(revision: string, views: Iterable<InstanceView>): Promise<Buffer> {
    const begin = `{"revision":${JSON.stringify(revision)},"instances":[`;
    return jsonList(begin, this.#viewsOf(views), ']}');
  }

  *#viewsOf(views: Iterable<InstanceView>): Generator<object> {
    for (const view of views) yield this.#viewOf(view);
  }
}
