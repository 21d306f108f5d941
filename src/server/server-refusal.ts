// The error of a request that the server itself rejects, before code of the service runs or while it runs
// (for example when the body is too large). Such errors are counted by their code.
import { HttpError } from '../errors.js';

/** Thrown only by guards and limits of the server. An HttpError that a service throws is not counted here. */
export class ServerRefusal extends HttpError {}

/**
 * Whether a client has caused an error: it has left, or has sent what limits refuse. A promise of a service
 * that rejects with it, and that no code awaits any more, is no failure of the service.
 */
export const isOfClient = (error: unknown): boolean =>
  error instanceof ServerRefusal || (error instanceof HttpError && error.code === 'CLIENT_CLOSED');
