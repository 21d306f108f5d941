// Modules that are loaded at first use. Node.js takes a file that it cannot open for want of a descriptor for
// one that is not there, and does so for as long as the thread lives. So a module is not loaded while
// descriptors are short: a caller that needs it then fails, and a later one gets it.
import { canOpen, OutOfFilesError } from './open-files.js';

/** A package reads one file after the other; other threads open some meanwhile. */
const FILES_TO_LOAD = 16;

/**
 * @param load by `require`, or by `import`: then what is returned is a promise
 * @returns what loads the module the first time that it is called, and returns the same each time.
 * It throws OutOfFilesError while the process has no file descriptors for that.
 */
export function lazyModule<Module>(load: () => Module): () => Module {
  let module: Module | undefined;
  return () => {
    if (module === undefined) {
      if (!canOpen(FILES_TO_LOAD)) throw new OutOfFilesError();
      module = load();
    }
    return module;
  };
}
