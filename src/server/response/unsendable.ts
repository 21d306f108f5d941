// The error of a response that cannot be sent as its handler means it. It is a fault of the handler: a 500
// that is logged.
import { HttpError } from '../../errors.js';

/**
 * The message names the route, what it tried to send and what to do instead, or says that the log has the
 * reason. The code is INTERNAL, as for any other fault of a handler. The cause may contain values of the
 * response; only the log shows it.
 */
export class UnsendableError extends HttpError {
  /** @param what contains no values of the response, because the client reads it */
  constructor(
    { method, route }: { readonly method: string; readonly route: string },
    what: string,
    cause?: unknown,
  ) {
    super('INTERNAL', `${method} ${route} ${what}`, { cause });
  }
}
