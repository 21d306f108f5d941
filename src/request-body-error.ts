// The error of a call whose streamed body has failed. The public interface exports it.
import { isHttpError } from './error-type.js';
import { HttpError } from './errors.js';

/**
 * The source of the body of a call has thrown (`cause`), has yielded what is no bytes, or not as many as were
 * announced, or nothing for too long. That counts for no instance. Code and status are those of an HttpError
 * which the source has thrown, so a handler that passes on a body need not look at it; else `INTERNAL`.
 */
export class RequestBodyError extends HttpError {
  constructor(cause: unknown, detail = 'The source of the body of a call has failed.') {
    const known = isHttpError(cause) ? cause : undefined;
    const { code = 'INTERNAL', message = detail, status } = known ?? {};
    super(code, message, { cause, ...(status !== undefined && { status }) });
  }
}
