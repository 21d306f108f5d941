// The error of a request that the server itself rejects, before code of the service runs or while it runs
// (for example when the body is too large). Such errors are counted by their code.
import { HttpError } from '../errors.js';

/** Thrown only by guards and limits of the server. An HttpError that a service throws is not counted here. */
export class ServerRefusal extends HttpError {}
