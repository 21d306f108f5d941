// An epoch: the members that divide limits among them, as they agree on it through one text in a store. These
// are pure functions; membership.ts says when a member applies them.

/** One process among those that divide limits. */
export interface Member {
  /**
   * Names this stay: a process that comes back has another name, unless it goes on as the member that a
   * process was which has ended.
   */
  readonly id: string;
  /** The process that is this member now, by a name that tells others of its machine whether it has ended. */
  readonly process: string;
  /** The epoch in which it has come. */
  readonly since: number;
  /** The epoch up to which it has changed its own share. */
  readonly seen: number;
  /** It changes this number to show that it is there. */
  readonly beat: number;
  /** Whether it may use a share. */
  readonly active: boolean;
}

export interface Epoch {
  /** Grows by one whenever members come or leave. */
  readonly number: number;
  /** The secret that all members hash keys with: two random words. */
  readonly salt: readonly [number, number];
  readonly members: readonly Member[];
}

/** The name of its text in the store. */
export const EPOCH = 'epoch';
/** Members of an epoch. A further process waits until one has left. */
export const MOST_MEMBERS = 128;
/** The form of their names. */
const ID = /^[0-9a-f]{16}$/;
/** Characters of the name of a process. */
const MOST_CHARACTERS = 64;

/** The epoch with a change of one member. */
export function withMember(epoch: Epoch, id: string, change: Partial<Member>): Epoch {
  const members = epoch.members.map((one) => (one.id === id ? { ...one, ...change } : one));
  return { ...epoch, members };
}

export type Newcomer = Pick<Member, 'id' | 'process' | 'beat'>;

/** The next epoch, which a process has joined. It waits until the others know of it. */
export function withNewcomer(epoch: Epoch, { id, process, beat }: Newcomer): Epoch {
  const number = epoch.number + 1;
  const newcomer: Member = { id, process, since: number, seen: number, beat, active: false };
  return { ...epoch, number, members: [...epoch.members, newcomer] };
}

/** The next epoch, which members have left; the same one when none has. */
export function without(epoch: Epoch, ids: ReadonlySet<string>): Epoch {
  const members = epoch.members.filter(({ id }) => !ids.has(id));
  return members.length === epoch.members.length ? epoch : { ...epoch, number: epoch.number + 1, members };
}

export const memberOf = ({ members }: Epoch, id: string): Member | undefined =>
  members.find((one) => one.id === id);

/**
 * Whether a newcomer may become active: all that may admit anything have divided their shares with it. One
 * that still waits will do so when it becomes active, because it is told of the newcomer by then.
 */
export const mayBecomeActive = ({ members }: Epoch, newcomer: Member): boolean =>
  members.every(({ id, active, seen }) => id === newcomer.id || !active || seen >= newcomer.since);

/**
 * The epoch in a text.
 * @throws Error for a text that no member has written: then it is not known which processes have a share
 */
export function parseEpoch(text: string): Epoch {
  let epoch: unknown;
  try {
    epoch = JSON.parse(text);
  } catch {
    throw notAnEpoch();
  }
  if (!isEpoch(epoch)) throw notAnEpoch();
  return epoch;
}

const notAnEpoch = (): Error =>
  new Error(
    'the record of members in the registry is not one of this version; remove it when all members have ended',
  );

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

function isEpoch(value: unknown): value is Epoch {
  if (typeof value !== 'object' || value === null) return false;
  const { number, salt, members } = value as Partial<Epoch>;
  const isSalt = Array.isArray(salt) && salt.length === 2 && salt.every(Number.isInteger);
  return (
    isCount(number) &&
    isSalt &&
    Array.isArray(members) &&
    members.length <= MOST_MEMBERS &&
    members.every(isMember)
  );
}

function isMember(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { id, process, since, seen, beat, active } = value as Partial<Member>;
  if (typeof id !== 'string' || !ID.test(id)) return false;
  if (typeof process !== 'string' || process.length > MOST_CHARACTERS) return false;
  return [since, seen, beat].every(isCount) && typeof active === 'boolean';
}
