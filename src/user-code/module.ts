// Loads the modules of a project: its configuration, which imports its services, and the modules with its
// CPU tasks. When one of them fails, the error names the file and the line of the fault, even if it is in a
// module that another one imports.
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { ConfigError } from '../errors.js';
import { loadModule } from '../scope.js';
import { sourceFile } from '../source-file.js';
import { deepenStacks } from './deep-stacks.js';
import { nextForMissingExport } from './exported-names.js';
import { BUILD_IT, nextForRefusal } from './import-fix.js';
import { findSyntaxFault, linesOf, parseSyntaxFault, type SyntaxFault } from './imports.js';
import {
  type ErrorDetails,
  formatLocation,
  isFromLoader,
  isFromProject,
  loadingError,
  projectError,
} from './project-error.js';
import { ProjectListeners } from './project-listeners.js';
import { sourceLine, useSourceMapOf } from './source-maps.js';
import type { UnreachableError } from './unreachable.js';
import { wrongImport } from './wrong-import.js';

type Exports = Readonly<Record<string, unknown>>;

/**
 * Loads a module of a project. The primary, the workers and the CPU threads use it.
    const during = `in a promise that nothing handles, ${loadingOf(path)}`;
    throw (
      listeners.refusalOf(rejections[0], path, during) ??
      loadingError(rejections[0], during, { file: formatLocation(path) })
    );
 */
export async function importUserModule(
  path: string,
  listeners?: Pick<ProjectListeners, 'refusalOf'>,
): Promise<Exports> {
  const restoreStacks = deepenStacks();
  useSourceMapOf(path);
  try {
    return (await loadModule(() => import(pathToFileURL(path).href))) as Exports;
  } catch (thrown) {
    throw listeners?.refusalOf(thrown, path, loadingOf(path)) ?? (await loadFailure(thrown, path));
  } finally {
    restoreStacks();
  }
}

/**
 * Loads the configuration module in a process that has no handlers for uncaught failures yet. An unhandled
 * rejection from the top level of a module, the end of the process while the module is loaded, or a port that
 * the module listens on is reported as a failure to load it.
 * @throws as `importUserModule`
 */
export async function importConfigModule(path: string): Promise<Exports> {
  const rejections: unknown[] = [];
  const collect = (reason: unknown): number => rejections.push(reason);
  process.on('unhandledRejection', collect);
  const exited = (): void => reportExit(path);
  // The first one finds a call of `process.exit` before `reportProjectExit` does. Node.js finds an await that
  // never settles in a listener of its own, and the second one runs behind that.
  process.prependListener('exit', exited).on('exit', exited);
  const listeners = new ProjectListeners();
  try {
    let exports: Exports;
    try {
      exports = await importUserModule(path, listeners);
    } finally {
      // Node.js reports rejections and new listeners when the promises of this turn of the loop have run. Up
      // to Node.js 20, a CommonJS module that fails is a rejection of its own, beside that of its import.
      await turn();
    }
    listeners.refuse(path, loadingOf(path));
    if (rejections.length === 0) return exports;
    const during = `in a promise that nothing handles, ${loadingOf(path)}`;
    throw (
      listeners.refusalOf(rejections[0], path, during) ??
      loadingError(rejections[0], during, { file: formatLocation(path) })
    );
  } finally {
    listeners.end();
    process.removeListener('unhandledRejection', collect);
    process.removeListener('exit', exited).removeListener('exit', exited);
  }
}

/**
 * The exit code of Node.js when the event loop is empty and a module still waits for an `await` at its top
 * level.
 */
const NEVER_SETTLED = 13;

/**
 * Prints that the process ends while the module is loaded: nothing else would print a reason. Listeners of
 * `exit` run on top of the code that has called `process.exit`, so the stack shows that code.
 */
function reportExit(path: string): void {
  const isUnsettled = process.exitCode === NEVER_SETTLED;
  const end = new Error(
    isUnsettled
      ? 'an await at the top level of a module never settles'
      : 'process.exit() has ended the process',
  );
  // When the runtime itself ends the process, as after a signal, there is nothing to report. Any other exit
  // code belongs to a failure that has been printed already, or `reportProjectExit` prints it.
  if (!isUnsettled && (Number(process.exitCode ?? 0) !== 0 || !isFromProject(end))) return;
  const { message, exitCode } = projectError(end, loadingOf(path), {
    file: formatLocation(path),
  });
  writeSync(2, `multilane: ${message}\n`);
  process.exitCode = exitCode;
}

/** The exit code of a ConfigError, which has been printed. */
const BAD_CONFIGURATION = 78;

/**
 * A listener of `exit` in the primary. Prints that code of the project ends the process, where nothing else
 * would: its exit code stays, unless it is about a listener of the project during the start.
 */
export function reportProjectExit({ refusal, failed, isStarting }: ProjectListeners): void {
  // The refusal was printed.
  if (refusal !== undefined) process.exitCode = refusal.exitCode;
  // A listener that has run before may have changed the code.
  const code = Number(process.exitCode ?? 0);
  const restoreStacks = deepenStacks();
  const end = new Error(`process.exit(${code}) has ended the whole process, without a drain`);
  restoreStacks();
  if (code === BAD_CONFIGURATION || !isFromProject(end)) return;
  const next =
    failed === undefined
      ? isStarting
        ? 'Remove the call: an error at the top level of a module, or of a promise that the configuration awaits, lets the start fail with its reason.'
        : 'Remove the call, or the handler of a signal that makes it: the process ends by itself.'
      : `Before, ${failed.report()}`;
  const { message } = projectError(end, 'in the primary, which loads the modules as well', { next });
  writeSync(2, `multilane: ${message}\n`);
  if (failed !== undefined && isStarting) process.exitCode = BAD_CONFIGURATION;
}

const loadingOf = (path: string): string => `while loading ${basename(sourceFile(path))}`;

async function loadFailure(thrown: unknown, path: string): Promise<ConfigError | UnreachableError> {
  const details = isFromLoader(thrown) ? await refusalDetails(thrown, path) : {};
  return loadingError(thrown, loadingOf(path), { ...details, file: formatLocation(path) });
}

/** Finds the line that has to be changed in a module that Node.js refuses to load. */
async function refusalDetails(error: Error, path: string): Promise<ErrorDetails> {
  const { message, stack } = error;
  if (error instanceof SyntaxError) {
    const fault = parseSyntaxFault(String(stack), message) ?? (await findSyntaxFault(path, message));
    const next =
      nextForRefusal(error) ??
      (fault && ((await nextForMissingExport(message, fault.file)) ?? nextForDecorator(fault)));
    return fault === undefined ? { next } : { ...placeOf(fault), next };
  }
  return wrongImport(error, path);
}

/** The place of a fault in the source of the module that Node.js has compiled. */
function placeOf({ file, line, excerpt }: SyntaxFault): ErrorDetails {
  const place = sourceLine(file, line);
  const location = formatLocation(place.file, place.line);
  if (place.file === file) return { location, excerpt };
  return { location, excerpt: linesOf(place.file).slice(place.line - 1, place.line) };
}

/** What to do next about decorators, which a compiler accepts, but not Node.js, which only removes types. */
function nextForDecorator({ file, excerpt }: SyntaxFault): string | undefined {
  const isDecorator = /\.m?ts$/.test(file) && excerpt[0]?.trimStart().startsWith('@');
  return isDecorator ? `Node.js runs no decorators: write it without them, or ${BUILD_IT}.` : undefined;
}
