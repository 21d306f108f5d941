// Reads the stack of the code that is about to be interrupted, and judges from its frames whether the code
// may end where it is.
import { createContext, runInContext } from 'node:vm';

/** Frames of the stack that are reported. */
const MAX_FRAMES = 12;
/** More frames than fit into a stack: all of them are read. */
const ALL_FRAMES = 100_000;
/** The frames of the runtime's own look at the stack are among the first of it. */
const MAX_OWN_FRAMES = 32;
/** Characters of one reported frame. */
const MAX_FRAME_LENGTH = 512;

/** Modules of Node.js that enter and leave asynchronous contexts. */
const CONTEXT_MODULES =
  /^node:(internal\/(timers|async_hooks|async_local_storage|process\/task_queues|process\/promises)|async_hooks|timers)/;

/** The name that stands for a file in frames of code that was made by `eval` or `new Function`. */
const EVALUATED = 'evaluated';
const RUNTIME = new URL('..', import.meta.url).href;
/**
 * These parts of the package are services like any other: the reference shop, and the one that serves /health
 * and the API description.
 */
const OWN_SERVICES = ['../services/', '../worker/system-routes.js'].map(
  (path) => new URL(path, import.meta.url).href,
);

/** @param file the file of a frame; empty for what is built into V8 */
export const isServiceCode = (file: string): boolean =>
  file !== '' &&
  !file.startsWith('node:') &&
  (!file.startsWith(RUNTIME) || OWN_SERVICES.some((service) => file.startsWith(service)));

/**
 * Whether Node.js may be about to enter an asynchronous context: V8 ends code at its next check (the entry of
 * a function, the next round of a loop), and what Node.js does until then would still be done. This is so
 * when its context modules are nearer to the top of the stack than any code that is not part of Node.js.
 * @param files the files of the frames, innermost first
 */
export function entersContext(files: readonly string[]): boolean {
  for (const file of files) {
    if (CONTEXT_MODULES.test(file)) return true;
    if (!file.startsWith('node:') && file !== '') return false;
  }
  return true;
}

/** A call site of V8; its `toString`, which the published type lacks, writes it as it stands in a stack. */
interface PrintableCallSite extends NodeJS.CallSite {
  toString(): string;
}

export interface Frames {
  readonly files: readonly string[];
  /** The files again, those of Node.js followed by the name of the function. */
  readonly calls: readonly string[];
  /** The innermost frames as text. */
  readonly stack: readonly string[];
}

/**
 * Prepares for reading the stack, before code of services can have changed anything. V8 writes the stack of
 * an error by the `stackTraceLimit` and the `prepareStackTrace` of the realm that the error is from. The
 * errors used here are from a realm of their own, so what code of services sets on its `Error`, or forbids to
 * be set, does not matter.
 * @returns a function that reads the frames, innermost first, without those of the runtime's own look and of
 *   the inspector's call; it returns undefined when these cannot be told from the others
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
    // The first line of an anonymous script is the expression that the primary evaluates.
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
