// The text of a published snapshot: the revision in the first line, then one endpoint per line. The primary
// writes it into shared memory, and workers parse it. A worker keeps the endpoints by their lines, so that it
// parses only one line when one of a thousand endpoints has changed.
import type { Endpoint, RegistrySnapshot } from './endpoint.js';

export function snapshotText({ revision, endpoints }: RegistrySnapshot): string {
  return [JSON.stringify(revision), ...endpoints.map((endpoint) => JSON.stringify(endpoint))].join('\n');
}

/** The parsed endpoints, each by the text of its line. */
export type KnownLines = ReadonlyMap<string, Endpoint>;

/** @param known the lines of the snapshot before: unchanged endpoints stay the same objects */
export function parseSnapshot(
  text: string,
  known: KnownLines,
): { readonly revision: string; readonly lines: KnownLines } {
  const [revision = '""', ...rest] = text.split('\n');
  const lines = new Map<string, Endpoint>();
  for (const line of rest) lines.set(line, known.get(line) ?? (JSON.parse(line) as Endpoint));
  return { revision: JSON.parse(revision) as string, lines };
}
