// What is measured: a server that can be started, and the routes that it serves.
import type { Server, ServerCommand } from '../process/server.js';
import { type Route, SHAPES } from '../shapes/shapes.js';

export interface Subject extends ServerCommand {
  readonly routes: readonly Route[];
  /** Why it is in the comparison, or what it is; one line for the reports. */
  readonly why: string;
  /** Names with versions, such as `fastify 5.12.8`; empty where none can be known. */
  readonly versions: readonly string[];
  /** Done once after every start that requests of all routes follow, such as registering an upstream. */
  prepare?(server: Server): Promise<void>;
}

/** What a result says of a server. */
export type ServerFacts = Pick<Subject, 'name' | 'why' | 'versions'>;

export const factsOf = ({ name, why, versions }: ServerFacts): ServerFacts => ({ name, why, versions });

/** A server that is in no table, with the reason. It is listed beside the tables. */
export interface NotMeasured {
  readonly server: string;
  readonly reason: string;
}

const LONGEST_REASON = 300;

/** An error with the output of a server, on one line: what happened, and the end of the output. */
export function shortReason(text: string): string {
  const [first = '', ...rest] = text.split('\n').map((line) => line.trim());
  const end = rest.filter((line) => line !== '').slice(-3);
  return [first, ...end].join(' ').slice(0, LONGEST_REASON);
}

/** The route by which the start of a server is measured, and its memory. */
export function startRoute(subject: Subject): string {
  if (subject.routes.includes('health')) return '/health';
  const route = (['plaintext', 'json'] as const).find((name) => subject.routes.includes(name));
  return SHAPES.find(({ route: name }) => name === (route ?? subject.routes[0]))!.path;
}
