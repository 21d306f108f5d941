// What the edge itself turns away, before or beside what a service decides: counted apart, by its code.
import { HttpError } from '../errors.js';

/** Thrown by our own guards and limits only, so that what is counted is what they did. */
export class Refusal extends HttpError {}
