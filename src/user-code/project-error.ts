// Makes a readable error of what code of a project has thrown while it was loaded or declared its
// routes. The message has the location, the text of the error, the frames of the project, what was in
// progress, and what to do next. Frames of Node.js and of the runtime are omitted.
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../errors.js';
import { sourceFile, withSourceFiles } from '../source-file.js';
import { packageOf } from './imports.js';
import { readableError } from './readable-error.js';
import { isPluginTimeout, isUnreachable, UnreachableError } from './unreachable.js';

/** The folder of the package `multilane`. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
/**
 * The folders of the runtime: its compiled code, and the sources to which source maps lead. Frames in them
 * are omitted.
 */
const RUNTIME = ['dist/', 'src/', 'workers/'].map((folder) => PACKAGE + folder);
/** Packages that the build has bundled are packages like all others. */
const PACKAGES = `${PACKAGE}dist/packages/`;
const MOST_FRAMES = 20;
/** The most lines of one message that are shown. */
const MOST_LINES = 10;
const CORRECT_IT = 'Correct it and start again.';
const REACH_IT = 'Start again when it can be reached.';
const END_IT =
  'Let that plugin call done(), or resolve its promise. If it waits for a server, start again when that can be reached.';

interface Frame {
  /** Absolute path. */
  readonly file: string;
  /** `services/hello/service.js:12:9`. */
  readonly location: string;
  /** Name of the function; undefined at the top level of a module. */
  readonly name: string | undefined;
}

export interface ErrorDetails {
  /**
   * Where the error is, e.g. `services/hello/service.js:12`.
   * @default the location of the first frame of the project, else of a package
   */
  readonly location?: string | undefined;
  /** The file to name when there is neither a location nor a frame. */
  readonly file?: string | undefined;
  /** Lines of source that show the error. */
  readonly excerpt?: readonly string[];
  /**
   * What to do next.
   * @default to correct the code
   */
  readonly next?: string | undefined;
}

/**
 * @param given what the project has thrown
 * @param during what was in progress, e.g. `while loading multilane.config.js`
 * @returns an error with a message of several lines
 */
export function projectError(given: unknown, during: string, details: ErrorDetails = {}): ConfigError {
  const thrown = readableError(given);
  return new ConfigError(messageOf(thrown, during, details), { cause: thrown });
}

/**
 * The same for what the project has thrown while it was loaded or made ready, where it may have connected to
 * something.
 */
export function loadingError(
  given: unknown,
  during: string,
  details: ErrorDetails = {},
): ConfigError | UnreachableError {
  if (!isUnreachable(given)) return projectError(given, during, details);
  const thrown = readableError(given);
  // The frames of a plugin that takes too long are those of a timer of its package.
  const known = isPluginTimeout(given) ? { location: details.file, next: END_IT } : { next: REACH_IT };
  return new UnreachableError(messageOf(thrown, during, { ...details, ...known }), { cause: thrown });
}

function messageOf(thrown: Error | string, during: string, details: ErrorDetails): string {
  const { excerpt = [], next = CORRECT_IT } = details;
  const ofProject = userFrames(thrown);
  const frames = ofProject.length > 0 ? ofProject : packageFrames(thrown);
  const nearest = frames.find(isProjectFrame) ?? frames[0];
  const location = details.location ?? nearest?.location ?? details.file;
  const [first, ...more] = linesOf(thrown);
  const lines = [
    location === undefined ? first : `${location}: ${first}`,
    ...more.map((line) => `  ${line}`),
    ...excerpt.map((line) => `    ${line}`),
    ...frames.slice(0, MOST_FRAMES).map((frame) => `    at ${formatFrame(frame)}`),
    ...causesOf(thrown).map((cause) => `  caused by ${linesOf(cause).join('\n    ')}`),
    `  ${during}. ${next}`,
  ];
  return lines.join('\n');
}

/**
 * Formats a location as `file:line`, so that terminals and editors can open it. The path is relative when the
 * file is below the working directory. Without a position it is the path of the source of a built file.
 */
export function formatLocation(given: string, ...position: readonly (number | string)[]): string {
  const file = position.length === 0 ? sourceFile(given) : given;
  const path = relative(process.cwd(), file);
  return [path === '' || path.startsWith('..') ? file : path, ...position].join(':');
}

function linesOf(thrown: unknown): readonly string[] {
  if (!(thrown instanceof Error)) return String(thrown).split('\n');
  const text = isFromRuntime(thrown) ? thrown.message : `${thrown.name}: ${thrown.message}`;
  const lines = withSourceFiles(text).split('\n');
  return lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), '…'] : lines;
}

/**
 * Returns the causes of what the project has thrown. An error that the runtime has thrown has the text of its
 * cause in its message already, so that cause is omitted.
 */
function causesOf(thrown: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error.cause !== undefined && !isFromRuntime(error)) causes.push(error.cause);
  }
  return causes;
}

/**
 * Returns the frames of the project. An error that the runtime has thrown may have a cause with frames of the
 * project; then these are returned. Frames of packages are kept only where code of the project has called
 * them.
 */
function userFrames(thrown: unknown): readonly Frame[] {
  if (!(thrown instanceof Error)) return [];
  const inner = isFromRuntime(thrown) ? userFrames(thrown.cause) : [];
  if (inner.length > 0) return inner;
  const frames = framesOf(thrown).filter(({ file }) => !isOfRuntime(file));
  return frames.slice(0, frames.findLastIndex(isProjectFrame) + 1);
}

/** The frames of the packages that have thrown an error, where no code of the project has called them. */
function packageFrames(thrown: unknown): readonly Frame[] {
  if (!(thrown instanceof Error)) return [];
  const frames = framesOf(thrown);
  const called = frames.findIndex(({ file }) => isOfRuntime(file));
  return called === -1 ? frames : frames.slice(0, called);
}

/** The innermost line of the project on the stack of an error, e.g. `services/hello/service.js:12:9`. */
export const projectLocation = (error: Error): string | undefined =>
  userFrames(readableError(error)).find(isProjectFrame)?.location;

/** The package whose code is innermost on the stack of an error, e.g. `fastify`. */
export function packageOnStack(error: Error): string | undefined {
  const innermost = framesOf(error).find((frame) => !isOfRuntime(frame.file) && !isProjectFrame(frame));
  const [, path] = innermost?.file.match(IN_PACKAGE) ?? [];
  return path && packageOf(path);
}

/** Whether code of the project is on the stack of the error. */
export const isFromProject = (error: Error): boolean => userFrames(error).length > 0;

const isOfRuntime = (file: string): boolean =>
  !file.startsWith(PACKAGES) && RUNTIME.some((folder) => file.startsWith(folder));

const isProjectFrame = ({ file }: Frame): boolean =>
  !file.includes(`${sep}node_modules${sep}`) && !file.startsWith(PACKAGES);

/** The path of a file in its package; pnpm has folders of packages in one another. */
const IN_PACKAGE = /.*[/\\]node_modules[/\\](.*)/;

/** Whether the runtime has thrown the error, because the code of the project has called it in a wrong way. */
const isFromRuntime = (error: Error): boolean => {
  const line = throwingLine(error) ?? '';
  return !line.includes(PACKAGES) && RUNTIME.some((folder) => line.includes(folder));
};

/** Whether Node.js has thrown the error, for a module that it cannot load. */
export function isFromLoader(thrown: unknown): thrown is Error {
  const error = readableError(thrown);
  return error instanceof Error && /\bnode:internal\//.test(throwingLine(error) ?? '');
}

/** The line of the stack with the innermost frame: the code that has thrown the error. */
const throwingLine = (error: Error): string | undefined => frameLines(error)[0];

/**
 * Returns the lines of the stack that are frames. The message is skipped first, because it may have lines
 * that look like frames.
 */
function frameLines({ stack, message }: Error): readonly string[] {
  const text = String(stack);
  const afterMessage = text.slice(text.indexOf(message) + message.length);
  return afterMessage.split('\n').filter((line) => /^\s+at /.test(line));
}

const FRAME = /^\s+at (?:async )?(?:(.*) \()?(file:\/\/[^()]+|\/[^()]+):(\d+):(\d+)\)?$/;

function framesOf(error: Error): readonly Frame[] {
  return frameLines(error).flatMap((line) => {
    const [, name, location, row, column] = FRAME.exec(line) ?? [];
    if (location === undefined || row === undefined || column === undefined) return [];
    const file = location.startsWith('file:') ? fileURLToPath(location) : location;
    return [{ file, location: formatLocation(file, row, column), name }];
  });
}

const formatFrame = ({ name, location }: Frame): string =>
  name === undefined ? location : `${name} (${location})`;
