// The registry as lines of text, each with its end: a revision (a JSON string), an instance that is new or
// has changed (an object), an instance that has left (an array of its service and id). The primary writes
// them into shared memory, and workers apply them in their order.
import type { Endpoint } from './endpoint.js';

/** A change of what workers see. */
export type EndpointChange =
  | { readonly type: 'put'; readonly endpoint: Endpoint }
  | { readonly type: 'delete'; readonly service: string; readonly id: string };

/** What the registry publishes. */
export interface RegistryUpdate {
  readonly revision: string;
  readonly changes: readonly EndpointChange[];
  /** All endpoints after the changes. */
  readonly endpoints: () => readonly Endpoint[];
}

export const changesText = ({ revision, changes }: Pick<RegistryUpdate, 'revision' | 'changes'>): string =>
  textOf([revision, ...changes.map(lineOf)]);

export const snapshotText = ({
  revision,
  endpoints,
}: Pick<RegistryUpdate, 'revision' | 'endpoints'>): string => textOf([revision, ...endpoints()]);

export interface ParsedLines {
  /** Undefined when there are no lines. */
  readonly revision: string | undefined;
  readonly changes: readonly EndpointChange[];
}

/** @param text of `changesText` and `snapshotText`, any number of them one after the other */
export function parseLines(text: string): ParsedLines {
  let revision: string | undefined;
  const changes: EndpointChange[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const value = JSON.parse(line) as string | readonly [string, string] | Endpoint;
    if (typeof value === 'string') revision = value;
    else if (isLeft(value)) changes.push({ type: 'delete', service: value[0], id: value[1] });
    else changes.push({ type: 'put', endpoint: value });
  }
  return { revision, changes };
}

const textOf = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

const lineOf = (change: EndpointChange): unknown =>
  change.type === 'put' ? change.endpoint : [change.service, change.id];

const isLeft = (value: readonly [string, string] | Endpoint): value is readonly [string, string] =>
  Array.isArray(value);
