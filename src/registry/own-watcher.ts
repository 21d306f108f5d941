// The part that tells other processes of the instances of this one.
import type { Instance } from './instance.js';

/** Is told of the instances that were registered at this process, for a registry that others share. */
export interface OwnWatcher {
  /** One is new or has changed, or this process has it from now on. */
  changed(instance: Instance): void;
  /** One of this process has left without a client: it has expired. */
  left(service: string, id: string): void;
  /** A client has removed one, of this or another process. */
  removed(instance: Instance): void;
}
