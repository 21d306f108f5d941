// Where an instance comes from: this process itself, a client, or another process; and who may change it.
import { HttpError } from '../errors.js';
import type { Instance } from './instance.js';

/** The rights of a client that changes the registry. */
export interface Registrant {
  /**
   * Whether the client may register instances of a service that this or another process serves itself. These
   * instances may then get calls that would go to the process otherwise.
   */
  readonly mayShadowLocal: boolean;
}

/** A process that announces an instance. */
export interface Announcer {
  readonly owner: string;
  /** It serves the instance itself; false for one that a client has registered there. */
  readonly isLocal: boolean;
  /** Seconds after which its instances expire unless it renews them. */
  readonly ttlSeconds: number;
}

export interface AnnouncedInstance {
  readonly service: string;
  readonly id: string;
  /** That of a registration, with the state: anything, because a stranger may have written it. */
  readonly body: unknown;
}

/** Who has entered an instance: this process, for itself; a client; another process, for one or itself. */
type Origin = 'local' | 'client' | 'mirrored' | 'served';

/** Where an instance comes from. */
export interface Source {
  readonly origin: Origin;
  /** The process that has announced it at this one. */
  readonly announcer?: Announcer | undefined;
  /** As in `Instance`, of one that another process has announced. */
  readonly registrationId?: string | null;
  /** As `mayShadowLocal` of its registrant. @default false */
  readonly mayShadowLocal?: boolean;
}

/** Whether another process has announced it. */
export const isMirrored = ({ origin }: Source): boolean => origin === 'mirrored' || origin === 'served';

/** What a process serves itself is changed by that process alone. */
export function servedInstance({ registration: { id }, local }: Instance): HttpError {
  return new HttpError(
    'ADDRESS_NOT_ALLOWED',
    `Instance ${id} is ${local ? 'this process itself' : 'another process itself, which alone may change it'}.`,
  );
}

export function needsToken(service: string): HttpError {
  return new HttpError(
    'ADDRESS_NOT_ALLOWED',
    `Service ${service} is served by a process of Multilane itself; others need a token that was given for it.`,
  );
}
