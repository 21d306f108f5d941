// The memory of responses while they arrive: what calls hold of the bytes that the process may buffer.
import { UnavailableError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';

/** Counts bytes of all calls of the process. */
export interface HeldBytes {
  /** @returns false, and takes nothing, when too many would be held then */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export const UNCOUNTED: HeldBytes = { take: () => true, give() {} };

/** A response is counted when it is longer, and then all of it: most are not, and cost nothing. */
export const UNCOUNTED_BYTES = 16 * 1024;

/**
 * 503 `OVERLOADED`: too many bytes of responses arrive for the calls of this process. It shows nothing about
 * the endpoint, which has executed the request.
 */
export class ResponseMemoryError extends UnavailableError {
  constructor({ service, id }: Pick<Endpoint, 'service' | 'id'>) {
    super(
      'OVERLOADED',
      `The response of instance ${id} of ${service} was not received, because responses hold too many bytes (MAX_BUFFERED_BODY_BYTES).`,
    );
  }
}
