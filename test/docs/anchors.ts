// The anchors of a page in Markdown, for tests of links.
import { readFileSync } from 'node:fs';

const HEADING = /^#{1,6} (.+)$/gm;

/** The anchors of a page: those of its headings, as GitHub makes them, and those that it defines itself. */
export function anchorsOf(page: string): readonly string[] {
  const text = readFileSync(page, 'utf8');
  const headings = [...text.matchAll(HEADING)].map(
    ([, title = '']) =>
      `#${title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-')}`,
  );
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => `#${id}`)];
}
