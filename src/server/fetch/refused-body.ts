// The error that a mounted application gets when it reads a body that was refused or whose client has left.
// Frameworks print an error that they do not know and respond 500. Clients cause these errors, and an
// overloaded process makes many of them, so this one has the forms in which the frameworks take an error for
// a response: `getResponse` of Hono, `toResponse` of Elysia, and for H3 the name, the iterable fields and
// `toJSON`. Others take its `status`, as itty-router does.
import type { HttpError } from '../../errors.js';
import { type FailedRequest, problemDocument, problemOf } from '../../problem.js';
import { ServerRefusal } from '../server-refusal.js';

/** The request whose body was refused. Its ids are read when a response is made. */
export type RefusedRequest = Pick<FailedRequest, 'requestId' | 'traceId'>;

export class RefusedBody extends ServerRefusal {
  readonly #request: RefusedRequest;

  constructor(
    { code, message, status, members, errors, retryable, headers = {}, stack }: HttpError,
    request: RefusedRequest,
  ) {
    const iterable = Object.defineProperty({ ...headers }, Symbol.iterator, {
      value: () => Object.entries(headers).values(),
    });
    super(code, message, {
      status,
      retryable,
      headers: iterable,
      ...(members === undefined ? {} : { members }),
      ...(errors === undefined ? {} : { errors }),
    });
    this.#request = request;
    // H3 knows its own errors by this name.
    this.name = 'HTTPError';
    if (stack !== undefined) this.stack = stack;
  }

  /** The application was called, so the refusal does not say that nothing was executed. */
  get #failed(): FailedRequest {
    const { requestId, traceId } = this.#request;
    return { requestId, traceId, executed: true };
  }

  /** The problem document of the refusal. */
  getResponse(): Response {
    const { status, headers, body } = problemOf(this, this.#failed);
    return new Response(body, { status, headers });
  }

  toResponse(): Response {
    return this.getResponse();
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return problemDocument(this, this.#failed);
  }
}
