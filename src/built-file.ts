// The place of a file in a project that has been built: `multilane build` writes `tasks.js` where the source
// names `tasks.ts`, and URLs in the source stay as they are.
import { existsSync } from 'node:fs';

const TYPESCRIPT = /\.([cm]?)tsx?$/;

/** The path of the JavaScript that a compiler makes of a TypeScript file; of another file, its own path. */
export const compiledName = (path: string): string => path.replace(TYPESCRIPT, '.$1js');

/**
 * Finds the file that a URL of the project's code means. A TypeScript file that does not exist means the
 * JavaScript file beside it, if that one exists. Everything that gets the URL of a module from a project uses
 * this rule: `tasks` of a service, and `config` of the test kit.
 * @returns the same URL in all other cases
 * @example builtFile(new URL('./tasks.ts', import.meta.url)) // in a built project …/tasks.js
 */
export function builtFile(url: URL): URL {
  const compiled = new URL(url);
  compiled.pathname = compiledName(url.pathname);
  return compiled.pathname !== url.pathname && !existsSync(url) && existsSync(compiled) ? compiled : url;
}
