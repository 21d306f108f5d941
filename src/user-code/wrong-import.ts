// Finds the import because of which Node.js refuses to load a module. Node.js names what it has not found,
// and often the file with the import, but never the line; in a built project both are files of the build.
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sourceFile, withSourceFiles } from '../source-file.js';
import { nextForImport, nextForPackage, nextForRefusal } from './import-fix.js';
import { importsFrom, importsIn, packageOf, type UserImport } from './imports.js';
import { type ErrorDetails, formatLocation, projectLocation } from './project-error.js';
import { sourceLine } from './source-maps.js';

/**
 * @param error an error of the loader of Node.js
 * @param entry the module that was to be loaded; the modules that it imports are searched, too
 * @returns the place of the import in the source, and what to do next
 */
export function wrongImport(error: NodeJS.ErrnoException, entry: string): ErrorDetails {
  const [subject = '', importer] = partsOf(withSourceFiles(error.message));
  const installed = packageAt(importer);
  if (installed !== undefined && importer !== undefined) {
    const found = first(
      importsFrom(sourceFile(entry)),
      ({ specifier }) => packageOf(specifier) === installed,
    );
    const location = found === undefined ? formatLocation(importer) : placeOf(found);
    return { location, next: nextForPackage(error, installed) };
  }
  const matches = (one: UserImport): boolean => isAbout(subject, one);
  const near = importer === undefined ? [] : importsIn(importer);
  const found = first(near, matches) ?? first(importsFrom(sourceFile(entry)), matches);
  if (found !== undefined) return { location: placeOf(found), next: nextForImport(error, found) };
  if (importer === undefined) return { next: nextForRefusal(error) };

  const [builtSubject = '', built] = partsOf(error.message);
  const old =
    built === undefined || built === importer
      ? undefined
      : first(importsIn(built), (one) => isAbout(builtSubject, one));
  if (old !== undefined) {
    const next = 'The build is older than its source: build it again (npx multilane build).';
    return { location: placeOf(old), next };
  }
  // The specifier is computed.
  const location = projectLocation(error);
  const isThere = location?.startsWith(`${formatLocation(importer)}:`);
  return {
    location: isThere ? location : formatLocation(importer),
    next: nextForComputed(error, subject, importer),
  };
}

/** What a message is about, and the file with the import, where the message names it. */
function partsOf(message: string): readonly (string | undefined)[] {
  const [subject, importer] = message.split(/ imported from |\nRequire stack:\n- /);
  const file = importer?.split('\n')[0];
  return [subject, file?.startsWith('/') ? file : undefined];
}

function first(imports: Iterable<UserImport>, matches: (one: UserImport) => boolean): UserImport | undefined {
  for (const one of imports) if (matches(one)) return one;
  return undefined;
}

/** The name of the installed package that a file belongs to. */
const packageAt = (file = ''): string | undefined =>
  /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];

function placeOf({ importer, line }: UserImport): string {
  const place = sourceLine(importer, line);
  return formatLocation(place.file, place.line);
}

/**
 * Whether a message of Node.js is about an import: it names the path or the URL of a file, a specifier, or a
 * file of a package.
 */
function isAbout(subject: string, { specifier, target }: UserImport): boolean {
  const names = [specifier];
  if (target !== undefined) names.push(...namesOf(target));
  else if (isOfPackage(subject, specifier)) return true;
  return names.some((name) => isNamed(subject, name));
}

/** A source may name a module that does not exist by either of its names. */
const namesOf = (target: string): readonly string[] =>
  [target, target.replace(/\.([cm]?)js$/, '.$1ts')].flatMap((file) => [
    file,
    `${file}/`,
    pathToFileURL(file).href,
  ]);

const isNamed = (subject: string, name: string): boolean =>
  subject.includes(`'${name}'`) || subject.includes(`"${name}"`) || subject.endsWith(` ${name}`);

function isOfPackage(subject: string, specifier: string): boolean {
  const name = packageOf(specifier);
  if (isNamed(subject, name)) return true;
  if (!subject.includes(`/node_modules/${name}/`)) return false;
  const path = /^Package subpath '([^'\n]+)'/.exec(subject)?.[1];
  return path === undefined || path === `.${specifier.slice(name.length)}`;
}

function nextForComputed(
  error: NodeJS.ErrnoException,
  subject: string,
  importer: string,
): string | undefined {
  const specifier = /'([^'\n]+)'/.exec(subject)?.[1];
  if (specifier === undefined) return nextForRefusal(error);
  const target = /^[./]/.test(specifier) ? resolve(dirname(importer), specifier) : undefined;
  return nextForImport(error, { importer, specifier, target });
}
