// Reads the stack of the code that is about to be interrupted, and judges from its frames whether the code
// may end where it is.
import { createContext, runInContext } from 'node:vm';

/** The most frames that are reported. */
const MAX_FRAMES = 12;
/** This is more than any stack has, so that V8 returns all frames. */
const ALL_FRAMES = 100_000;
/** The code that reads the stack has at most this many frames of its own. They are on top of the others. */
const MAX_OWN_FRAMES = 32;
/** The most characters of one reported frame. */
const MAX_FRAME_LENGTH = 512;

/** Modules of Node.js that enter and leave asynchronous contexts. */
const CONTEXT_MODULES =
  /^node:(internal\/(timers|async_hooks|async_local_storage|process\/task_queues|process\/promises)|async_hooks|timers)/;

/** Stands for the file of a frame whose code was made by `eval` or `new Function`. */
const EVALUATED = 'evaluated';
const RUNTIME = new URL('..', import.meta.url).href;
/**
 * These parts of the package may be interrupted like any service: the reference shop, the one that serves
 * /health and the API description, and the libraries that the build has bundled, which work on data of
 * clients.
 */
const INTERRUPTIBLE = ['../services/', '../worker/system-routes.js', '../packages/'].map(
  (path) => new URL(path, import.meta.url).href,
);

/** @param file the file of a frame; empty for what is built into V8 */
export const isServiceCode = (file: string): boolean =>
  file !== '' &&
  !file.startsWith('node:') &&
  (!file.startsWith(RUNTIME) || INTERRUPTIBLE.some((part) => file.startsWith(part)));

/**
 * Whether Node.js may be about to enter an asynchronous context. An interruption takes effect only at the
 * next check of V8 (the entry of a function, the next round of a loop). Node.js could enter the context
 * before that, and nothing would leave it. This is possible while one of its context modules is nearer to the
 * top of the stack than any code that is not part of Node.js.
 * @param files the files of the frames, innermost first
 */
export function entersContext(files: readonly string[]): boolean {
  for (const file of files) {
    if (CONTEXT_MODULES.test(file)) return true;
    if (!file.startsWith('node:') && file !== '') return false;
  }
  return true;
}

/**
 * A call site of V8 with its `toString`, which the published type lacks: it formats the frame as in a stack.
 */
interface PrintableCallSite extends NodeJS.CallSite {
  toString(): string;
}

export interface Frames {
  /** The file of each frame, innermost first; empty for what is built into V8. */
  readonly files: readonly string[];
  /** The same, but each file of Node.js is followed by the name of the function. */
  readonly calls: readonly string[];
  /** The innermost frames as text. */
  readonly stack: readonly string[];
}

/**
 * Prepares for reading the stack, before code of services can have changed anything. V8 formats the stack of
 * an error by the `stackTraceLimit` and the `prepareStackTrace` of the realm that the error is from. The
 * errors used here are from a realm of their own, so changes that code of services makes to its own `Error`
 * have no effect here.
 * @returns a function that reads the frames of the code that the inspector has interrupted, innermost first.
 *   It omits the frames above these, which belong to the reading itself and to the call of the inspector; it
 *   returns undefined when it cannot find where those end
 */
export function frameReader(): () => Frames | undefined {
  const OwnError = runInContext('Error', createContext()) as ErrorConstructor;
  let sites: readonly PrintableCallSite[] = [];
  OwnError.stackTraceLimit = ALL_FRAMES;
  OwnError.prepareStackTrace = (_error, found) => {
    sites = found;
  };
  return () => {
    void new OwnError().stack;
    const stack = sites.slice(0, MAX_OWN_FRAMES + MAX_FRAMES).map((site) => `at ${String(site)}`);
    // The inspector's call has the frame in line 1 of an anonymous script (see `expressionFor` in
    // interrupt.ts). It and the frames above it are not of the interrupted code.
    const own = stack.findIndex((frame) => frame.includes('<anonymous>:1:')) + 1;
    if (own === 0) return undefined;
    const files = sites.slice(own).map((site) => site.getFileName() ?? (site.isEval() ? EVALUATED : ''));
    return {
      files,
      calls: files.map((file, index) =>
        file.startsWith('node:') ? `${file} ${sites[own + index]!.getFunctionName()}` : file,
      ),
      stack: stack.slice(own, own + MAX_FRAMES).map((frame) => frame.slice(0, MAX_FRAME_LENGTH)),
    };
  };
}
