// Requests that the server itself rejects, before or beside what a service decides. They are counted by their
// code.
import { HttpError } from '../errors.js';

/** Thrown only by guards and limits of the server, so that their rejections alone are counted. */
export class ServerRefusal extends HttpError {}
