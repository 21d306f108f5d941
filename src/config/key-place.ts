// Finds the line of a configuration file that has a key, for messages about its value. The file was run, not
// parsed, so the line is found by its text.
import { sourceFile } from '../source-file.js';
import { sourceText } from '../user-code/imports.js';
import { formatLocation } from '../user-code/project-error.js';

const EXPORT = /^\s*(?:export\s+default\b|module\.exports\s*=)/;

/**
 * @param file the path of the configuration file, and its name, for a key without a line
 * @returns `multilane.config.ts:5`; the name alone where no line has the key, as for one that is computed
 */
export function placeOfKey(
  { path, name }: { readonly path: string; readonly name: string },
  key: string,
): string {
  const source = sourceFile(path);
  const line = lineOfKey(sourceText(source), key);
  return line === undefined ? name : formatLocation(source, line);
}

/** Takes the least indented line below the export, because other objects may have the key, too. */
function lineOfKey(text: string, key: string): number | undefined {
  const name = key.replaceAll(/\W/g, '\\$&');
  const isKey = new RegExp(`(?:^|[{,])\\s*(?:(["'])${name}\\1\\s*:|${name}\\s*(?:[:,}(]|$))`);
  const lines = text.split('\n');
  const found = lines.flatMap((line, n) => {
    const at = isKey.exec(line)?.index ?? -1;
    if (at < 0 || line.slice(0, at).includes('//')) return [];
    return [{ number: n + 1, indent: line.search(/\S/) }];
  });
  const from = lines.findIndex((line) => EXPORT.test(line)) + 1;
  const below = found.filter(({ number }) => number >= from);
  const candidates = below.length > 0 ? below : found;
  return candidates.toSorted((a, b) => a.indent - b.indent)[0]?.number;
}
