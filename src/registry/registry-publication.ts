// Publishes the changes of the registry to watchers (clients of `GET /registry/v1/watch`) and to workers.
import { ChangeLog } from './change-log.js';
import type { EndpointState } from './endpoint.js';
import { endpointOf, type Instance, type InstanceView, viewOf } from './instance.js';
import type { InstanceTable } from './instance-table.js';
import type { RegistryDependencies } from './registry-dependencies.js';
import type { EndpointChange } from './snapshot-text.js';

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

/**
 * Changes that one cause makes in a turn of the event loop at most; it makes the rest in later turns. It is a
 * part of what the log keeps, so that watchers get all of them in between.
 */
export const MOST_IN_A_TURN = 128;

type PublicationDependencies = Pick<RegistryDependencies, 'revisionPrefix' | 'publish' | 'ejections'>;

export class RegistryPublication {
  readonly #table: InstanceTable;
  readonly #deps: PublicationDependencies;
  /** The changes for watchers. */
  readonly changes: ChangeLog<RegistryChange>;
  /** The changes since `together` began; undefined when each one is published by itself. */
  #gathered: EndpointChange[] | undefined;

  /** Publishes the first state. */
  constructor(table: InstanceTable, dependencies: PublicationDependencies) {
    this.#table = table;
    this.#deps = dependencies;
    this.changes = new ChangeLog(dependencies.revisionPrefix);
    this.#publish([]);
  }

  get revision(): string {
    return this.changes.revision;
  }

  /**
   * Publishes an instance. It is called after each change of the instance, and when its ejection has changed.
   */
  put(instance: Instance): void {
    const { service } = instance.registration;
    const change = { type: 'put', service, instance: this.view(instance) } as const;
    this.#changed(change, { type: 'put', endpoint: endpointOf(instance) });
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

  /** What watchers see of an instance. */
  view(instance: Instance): InstanceView {
    return viewOf(instance, this.stateOf(instance));
  }

  /** @returns the state to show: `ejected` for a healthy instance that is ejected in shared memory */
  stateOf({ state, slot }: Instance): EndpointState {
    return state === 'healthy' && this.#deps.ejections.isEjected(slot) ? 'ejected' : state;
  }

  #changed(change: RegistryChange, seen: EndpointChange): void {
    this.changes.append(change);
    if (this.#gathered === undefined) this.#publish([seen]);
    else this.#gathered.push(seen);
  }

  #publish(changes: readonly EndpointChange[]): void {
    const endpoints = () => this.#table.all().map(endpointOf);
    this.#deps.publish({ revision: this.revision, changes, endpoints });
  }
}
