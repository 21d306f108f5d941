// Modules that are loaded at first use. When Node.js cannot open a file because no file descriptor is free,
// it treats the file as missing for as long as the thread lives. So a module is not loaded while descriptors
// are short: a caller that needs it then fails, and a later one gets it. So does a later caller of a module
// whose file was missing for a moment.
import { canOpen, OutOfFilesError } from './open-files.js';

/**
 * Free descriptors that loading needs. A package opens one file at a time, but other threads open files too.
 */
const FILES_TO_LOAD = 16;

/**
 * @param load loads the module by `require`, or by `import` and then returns a promise
 * @returns a function that loads the module at its first call and returns the same result at each call. When
 *   loading fails, also by a promise that rejects, the next call loads it again. The function throws
 *   OutOfFilesError while the process has too few free file descriptors.
 */
export function lazyModule<Module>(load: () => Module): () => Module {
  let module: Module | undefined;
  return () => {
    if (module === undefined) {
      if (!canOpen(FILES_TO_LOAD)) throw new OutOfFilesError();
      const loaded = load();
      module = loaded;
      if (loaded instanceof Promise) {
        loaded.catch(() => {
          module = undefined;
        });
      }
    }
    return module;
  };
}
