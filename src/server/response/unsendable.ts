// A response that cannot be sent as its handler means it: a fault of the handler, so a 500 that is logged.
import { HttpError } from '../../errors.js';

/**
 * Names the route, what it tried and what to do instead. The code is INTERNAL, as for any other fault of a
 * handler; its cause may hold values of the response and is for the log alone.
 */
export class UnsendableError extends HttpError {
  /** @param what without values of the response: it is also told to the client */
  constructor(
    { method, route }: { readonly method: string; readonly route: string },
    what: string,
    cause?: unknown,
  ) {
    super('INTERNAL', `${method} ${route} ${what}`, { cause });
  }
}
