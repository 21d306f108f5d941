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
  // GitHub numbers the headings that have the anchor of an earlier one: `#schemas-1`.
  const anchors = headings.map((anchor, n) => {
    const earlier = headings.slice(0, n).filter((other) => other === anchor).length;
    return earlier === 0 ? anchor : `${anchor}-${earlier}`;
  });
  return [...anchors, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => `#${id}`)];
}
