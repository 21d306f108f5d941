// Publishes the changes of the registry. Watchers (clients of `GET /registry/v1/watch`) get each change, and
// workers get the state after it, as a snapshot of all instances.
import { ChangeLog, type LogEntry } from './change-log.js';
import type { RegistrySnapshot } from './endpoint.js';
import { endpointOf, type InstanceView } from './instance.js';
import type { InstanceTable } from './instance-table.js';

/**
 * A change for watchers. `put` has an instance that was added or replaced, or whose state has changed, also
 * by an ejection. `delete` names an instance that has left.
 */
export type RegistryChange =
  | { readonly type: 'put'; readonly service: string; readonly instance: InstanceView }
  | { readonly type: 'delete'; readonly service: string; readonly id: string };

export class RegistryPublication {
  readonly #table: InstanceTable;
  readonly #send: (snapshot: RegistrySnapshot) => void;
  readonly #log: ChangeLog<RegistryChange>;
  /** True while `together` runs. Changes then publish no snapshot, because `together` does at its end. */
  #isGathering = false;

  /** Publishes the first snapshot. @param revisionPrefix as in RegistryDependencies */
  constructor(table: InstanceTable, revisionPrefix: string, send: (snapshot: RegistrySnapshot) => void) {
    this.#table = table;
    this.#send = send;
    this.#log = new ChangeLog(revisionPrefix);
    this.#publish();
  }

  get revision(): string {
    return this.#log.revision;
  }

  /** @returns the changes after a revision; undefined when the revision is not known, or is too old */
  since(revision: string): readonly LogEntry<RegistryChange>[] | undefined {
    return this.#log.since(revision);
  }

  /** @returns a function that stops listening */
  listen(listener: (entry: LogEntry<RegistryChange>) => void): () => void {
    return this.#log.listen(listener);
  }

  /** Publishes a change. It is called after each change of the table, and when an ejection has changed. */
  changed(change: RegistryChange): void {
    this.#log.append(change);
    if (!this.#isGathering) this.#publish();
  }

  /**
   * Runs `make`, which makes several changes. Watchers get each of them, and workers get one snapshot at the
   * end, because a snapshot of a thousand instances takes milliseconds.
   */
  together(make: () => void): void {
    const { revision } = this;
    this.#isGathering = true;
    make();
    this.#isGathering = false;
    if (this.revision !== revision) this.#publish();
  }

  #publish(): void {
    this.#send({ revision: this.revision, endpoints: this.#table.all().map(endpointOf) });
  }
}
