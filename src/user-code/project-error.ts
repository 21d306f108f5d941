// What a project's own code has thrown while it was loaded or declared its routes, as its author wants to
// read it: the place, the message, the frames of the project, and what to do next. Frames of Node.js and of
// the runtime are left out.
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../errors.js';
import { readableError } from './readable-error.js';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
/** Where the runtime lies, compiled, or as source maps have it; its frames are not the author's. */
const RUNTIME = ['dist/', 'src/', 'workers/'].map((folder) => PACKAGE + folder);
const MOST_FRAMES = 20;
/** Lines of a message. */
const MOST_LINES = 10;
const CORRECT_IT = 'Correct it and start again.';

interface Frame {
  /** Absolute. */
  readonly file: string;
  /** `services/hello/service.js:12:9`. */
  readonly place: string;
  /** Undefined at the top level of a module. */
  readonly name: string | undefined;
}

export interface ErrorDetails {
  /** `services/hello/service.js:12`. Default: that of the first frame. */
  readonly place?: string | undefined;
  /** Named when there is neither a place nor a frame. */
  readonly file?: string | undefined;
  /** Lines of source that show it. */
  readonly excerpt?: readonly string[];
  /** What to do. Default: to correct the code. */
  readonly next?: string | undefined;
}

/**
 * @param given what the project has thrown
 * @param during what was under way, as `while loading multilane.config.js`
 * @returns an error whose message has several lines
 */
export function projectError(given: unknown, during: string, details: ErrorDetails = {}): ConfigError {
  const thrown = readableError(given);
  const { excerpt = [], next = CORRECT_IT } = details;
  const frames = userFrames(thrown);
  const place = details.place ?? frames.find(isOwn)?.place ?? details.file;
  const [first, ...more] = linesOf(thrown);
  const lines = [
    place === undefined ? first : `${place}: ${first}`,
    ...more.map((line) => `  ${line}`),
    ...excerpt.map((line) => `    ${line}`),
    ...frames.slice(0, MOST_FRAMES).map((frame) => `    at ${shownFrame(frame)}`),
    ...causesOf(thrown).map((cause) => `  caused by ${linesOf(cause).join('\n    ')}`),
    `  ${during}. ${next}`,
  ];
  return new ConfigError(lines.join('\n'), { cause: thrown });
}

/**
 * `file:line`, from the working directory where the file lies below it, so that terminals and editors can
 * open it.
 */
export function formatLocation(file: string, ...position: readonly (number | string)[]): string {
  const path = relative(process.cwd(), file);
  return [path === '' || path.startsWith('..') ? file : path, ...position].join(':');
}

function linesOf(thrown: unknown): readonly string[] {
  if (!(thrown instanceof Error)) return String(thrown).split('\n');
  const text = isOurs(thrown) ? thrown.message : `${thrown.name}: ${thrown.message}`;
  const lines = text.split('\n');
  return lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), '…'] : lines;
}

/** Of what the project has thrown, not of what the runtime wraps: its message holds that of the cause. */
function causesOf(thrown: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error.cause !== undefined && !isOurs(error)) causes.push(error.cause);
  }
  return causes;
}

/** Of what the runtime wraps, those of the cause. Packages stay where the project has called them. */
function userFrames(thrown: unknown): readonly Frame[] {
  if (!(thrown instanceof Error)) return [];
  const inner = isOurs(thrown) ? userFrames(thrown.cause) : [];
  if (inner.length > 0) return inner;
  const frames = framesOf(thrown).filter(({ file }) => !RUNTIME.some((folder) => file.startsWith(folder)));
  return frames.slice(0, frames.findLastIndex(isOwn) + 1);
}

/** Code of the project is among what was called. */
export const isFromProject = (error: Error): boolean => userFrames(error).length > 0;

const isOwn = ({ file }: Frame): boolean => !file.includes(`${sep}node_modules${sep}`);

/** Thrown by the runtime, about the code that called it. */
const isOurs = (error: Error): boolean => RUNTIME.some((folder) => thrower(error)?.includes(folder));

/** Thrown by Node.js, for a module that it cannot load. */
export function isFromLoader(thrown: unknown): thrown is Error {
  const error = readableError(thrown);
  return error instanceof Error && /\bnode:internal\//.test(thrower(error) ?? '');
}

/** The first line of the stack that is a frame. */
const thrower = (error: Error): string | undefined => frameLines(error)[0];

/** A message may have lines that look like frames. */
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
    return [{ file, place: formatLocation(file, row, column), name }];
  });
}

const shownFrame = ({ name, place }: Frame): string => (name === undefined ? place : `${name} (${place})`);
