// The text of a published snapshot: the revision in the first line, then one endpoint per line. The primary
// writes it into shared memory, and workers parse it. A worker keeps the text of each line with the endpoint
// that it has parsed from it. When one of a thousand endpoints has changed, it parses only one line.
import type { Endpoint, RegistrySnapshot } from './endpoint.js';

export function snapshotText({ revision, endpoints }: RegistrySnapshot): string {
  return [JSON.stringify(revision), ...endpoints.map((endpoint) => JSON.stringify(endpoint))].join('\n');
}

/** The endpoints of a snapshot. The key of each is the text of its line. */
export type KnownLines = ReadonlyMap<string, Endpoint>;

/**
 * @param known the lines of the snapshot before. An endpoint whose line is among them stays the same object
 * @returns the revision and the lines of this snapshot
 */
export function parseSnapshot(
  text: string,
  known: KnownLines,
): { readonly revision: string; readonly lines: KnownLines } {
  const [revision = '""', ...rest] = text.split('\n');
  const lines = new Map<string, Endpoint>();
  for (const line of rest) lines.set(line, known.get(line) ?? (JSON.parse(line) as Endpoint));
  return { revision: JSON.parse(revision) as string, lines };
}
