// The end of a call that no endpoint has got in time.
import { DeadlineExceededError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';

/**
 * The deadline of a call passed, or was near, when it had waited in this thread for a connection to the
 * endpoint for most of its time. That shows nothing about the endpoint, which serves the calls that it
 * admits.
 */
export class UnsentError extends DeadlineExceededError {
  constructor({ service, id }: Endpoint) {
    super(`Until the deadline was near, instance ${id} of ${service} had as many calls as it admits.`);
  }
}
