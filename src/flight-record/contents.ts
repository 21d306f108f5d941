// What a file of the flight record holds of one moment, as JSON text, and of which process. A file may come
// from anywhere, so every value of it is checked.
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { FLIGHTS } from '../memory/layout.js';
import type { ProcessIdentity } from '../process/process-identity.js';
import { undefinedOnError } from '../process/undefined-on-error.js';

/** More threads than a process can have at a time, spares included. */
const MOST_THREADS = 2_048;
/** No control characters, which could make a line of a terminal or of a log look like another one. */
const PRINTABLE = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$';

/** The latest time of a `Date`, in milliseconds. */
const LAST_TIME = 8.64e15;

const time = Type.Number({ minimum: 0, maximum: LAST_TIME });
/** A reading of the shared clock. */
const reading = Type.Number({ minimum: -LAST_TIME, maximum: LAST_TIME });
const count = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const text = (maxLength: number) => Type.String({ maxLength, pattern: PRINTABLE });

/** Method, template of the route, id, and start on the shared clock of that process in milliseconds. */
const request = Type.Tuple([
  Type.String({ pattern: '^[A-Z_-]{1,32}$' }),
  text(256),
  Type.String({ pattern: '^[A-Za-z0-9._-]{0,64}$' }),
  reading,
]);

const thread = Type.Object({
  worker: count,
  generation: count,
  /** Requests in flight for which there was no room in the shared record or in the text. */
  leftOut: count,
  requests: Type.Array(request, { maxItems: FLIGHTS }),
});
export type ThreadInFile = Static<typeof thread>;

const contents = Type.Object({
  /** When the process was last seen alive: milliseconds of the wall clock. */
  seenAt: time,
  /** The same moment on the shared clock. */
  now: reading,
  /** The process has ended in order. */
  isClosed: Type.Boolean(),
  threads: Type.Array(thread, { maxItems: MOST_THREADS }),
});
export type Contents = Static<typeof contents>;

const identity = Type.Object({
  pid: Type.Integer({ minimum: 1, maximum: 0x7fffffff }),
  startTime: text(64),
  bootId: text(64),
  pidNamespace: text(128),
});

function parsed<T extends TSchema>(schema: T, json: string): Static<T> | undefined {
  const value = undefinedOnError(() => JSON.parse(json) as unknown);
  return Value.Check(schema, value) ? value : undefined;
}

/** @param threads texts of `ThreadRequests` */
export const contentsText = (
  seenAt: number,
  now: number,
  isClosed: boolean,
  threads: readonly string[],
): string =>
  `{"seenAt":${Math.round(seenAt)},"now":${Math.round(now)},"isClosed":${isClosed},"threads":[${threads.join()}]}`;

/** @returns undefined for a text that is not what this file writes */
export const parseContents = (json: string): Contents | undefined => parsed(contents, json);

export const identityText = ({ pid, startTime, bootId, pidNamespace }: ProcessIdentity): string =>
  JSON.stringify({ pid, startTime, bootId, pidNamespace });

export const parseIdentity = (json: string): ProcessIdentity | undefined => parsed(identity, json);
