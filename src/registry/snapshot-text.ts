// The snapshot as it is published: the revision in the first line, then an endpoint in each. Who knows a line
// already knows what is in it: of a thousand endpoints of which one has changed, one is parsed.
import type { Endpoint, RegistrySnapshot } from './endpoint.js';

export function snapshotText({ revision, endpoints }: RegistrySnapshot): string {
  return [JSON.stringify(revision), ...endpoints.map((endpoint) => JSON.stringify(endpoint))].join('\n');
}

/** Endpoints by their lines. */
export type KnownLines = ReadonlyMap<string, Endpoint>;

/** @param known of the snapshot before: endpoints that have not changed are the same objects again */
export function parseSnapshot(
  text: string,
  known: KnownLines,
): { readonly revision: string; readonly lines: KnownLines } {
  const [revision = '""', ...rest] = text.split('\n');
  const lines = new Map<string, Endpoint>();
  for (const line of rest) lines.set(line, known.get(line) ?? (JSON.parse(line) as Endpoint));
  return { revision: JSON.parse(revision) as string, lines };
}
