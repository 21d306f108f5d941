// Publishes the changes of the registry to watchers (clients of `GET /registry/v1/watch`) and to workers.
import { ChangeLog, type LogEntry } from './change-log.js';
import { endpointOf, type Instance, type InstanceView } from './instance.js';
import type { InstanceTable } from './instance-table.js';
import type { EndpointChange, RegistryUpdate } from './snapshot-text.js';

/**
 * A change for watchers. `put` has an instance that was added or replaced, or whose state has changed, also
 * by an ejection. `delete` names an instance that has left, and tells whether it was not renewed in time.
 */
export type RegistryChange =
  | { readonly type: 'put'; readonly service: string; readonly instance: InstanceView }
  | {
      readonly type: 'delete';
      readonly service: string;
      readonly id: string;
      readonly isExpired: boolean;
    };

export class RegistryPublication {
  readonly #table: InstanceTable;
  readonly #send: (update: RegistryUpdate) => void;
  readonly #log: ChangeLog<RegistryChange>;
  /** The changes since `together` began; undefined when each one is published by itself. */
  #gathered: EndpointChange[] | undefined;

  /** Publishes the first state. @param revisionPrefix as in RegistryDependencies */
  constructor(table: InstanceTable, revisionPrefix: string, send: (update: RegistryUpdate) => void) {
    this.#table = table;
    this.#send = send;
    this.#log = new ChangeLog(revisionPrefix);
    this.#publish([]);
  }

  get revision(): string {
    return this.#log.revision;
  }

  /** @returns the changes after a revision; undefined when the revision is not known, or is too old */
  since(revision: string): readonly LogEntry<RegistryChange>[] | undefined {
    return this.#log.since(revision);
  }

  /** Whether `since` has a result for a revision. */
  covers(revision: string): boolean {
    return this.#log.covers(revision);
  }

  /** @returns a function that stops listening */
  listen(listener: (entry: LogEntry<RegistryChange>) => void): () => void {
    return this.#log.listen(listener);
  }

  /**
   * Publishes an instance. It is called after each change of the instance, and when its ejection has changed.
   */
  put(instance: Instance, view: InstanceView): void {
    const { service } = instance.registration;
    this.#changed({ type: 'put', service, instance: view }, { type: 'put', endpoint: endpointOf(instance) });
  }

  /** Publishes that an instance has left the table. */
  delete({ registration: { service, id } }: Instance, isExpired: boolean): void {
    const seen = { type: 'delete', service, id } as const;
    this.#changed({ ...seen, isExpired }, seen);
  }

  /** Runs `make`, which makes several changes. Workers get all of them at once. */
  together(make: () => void): void {
    const { revision } = this;
    const gathered: EndpointChange[] = [];
    this.#gathered = gathered;
    try {
      make();
    } finally {
      this.#gathered = undefined;
    }
    if (this.revision !== revision) this.#publish(gathered);
  }

  #changed(change: RegistryChange, seen: EndpointChange): void {
    this.#log.append(change);
    if (this.#gathered === undefined) this.#publish([seen]);
    else this.#gathered.push(seen);
  }

  #publish(changes: readonly EndpointChange[]): void {
    this.#send({ revision: this.revision, changes, endpoints: () => this.#table.all().map(endpointOf) });
  }
}
