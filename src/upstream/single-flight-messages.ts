// Messages between workers that share calls (see single-flight.ts). Code of a service runs in the same
// threads and may post anything, so a message is checked before it is used.
import { types } from 'node:util';

/** A response that other workers may use. */
export interface SharedResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly notExecuted: boolean;
  /** See `Received.isFinal`. */
  readonly isFinal: boolean;
  readonly body: Uint8Array;
}

/** An error that every caller would have got. */
export interface SharedFailure {
  readonly kind: 'failure';
  readonly code: string;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/**
 * `join`: the sender waits for the call of this key. `leave`: it no longer does.
 * `gone`: no call of this key is running. `taken`: nor can one start soon, because another key has its claim.
 * `lost`: the call ended without a result for other workers.
 */
export type SharedCallMessage = { readonly key: string } & (
  | { readonly kind: 'join' }
  | { readonly kind: 'leave' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'taken' }
  | { readonly kind: 'lost' }
  | SharedResponse
  | SharedFailure
);

type Members = Partial<Record<keyof SharedResponse | keyof SharedFailure | 'key', unknown>>;

/** @returns the message of another worker; undefined for anything else */
export function readSharedCallMessage(data: unknown): SharedCallMessage | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const message = data as Members;
  return typeof message.key === 'string' && isComplete(message) ? (data as SharedCallMessage) : undefined;
}

function isComplete(message: Members): boolean {
  const { kind, status, headers, notExecuted, isFinal, body, code, detail } = message;
  switch (kind) {
    case 'join':
    case 'leave':
    case 'gone':
    case 'taken':
    case 'lost':
      return true;
    case 'response':
      return (
        Number.isInteger(status) &&
        isFields(headers) &&
        typeof notExecuted === 'boolean' &&
        typeof isFinal === 'boolean' &&
        types.isUint8Array(body) &&
        types.isArrayBuffer(body.buffer)
      );
    case 'failure':
      return (
        typeof code === 'string' && typeof detail === 'string' && (headers === undefined || isFields(headers))
      );
    default:
      return false;
  }
}

const isFields = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((field) => typeof field === 'string');
