// Finds the name by which a tasks module exports a function, for `cpu.run(fib, …)`.
import { fileURLToPath } from 'node:url';
import { importUserModule } from '../user-code/module.js';

type AnyFunction = (...args: never) => unknown;

export class TaskNames {
  readonly #module: URL;
  #names: Promise<ReadonlyMap<unknown, string>> | undefined;
  #loaded: ReadonlyMap<unknown, string> | undefined;

  /** @param module the tasks module of a service */
  constructor(module: URL) {
    this.#module = module;
  }

  /** Whether the function is known not to be an export; false while the module is not loaded. */
  lacks(task: AnyFunction): boolean {
    return this.#loaded?.has(task) === false;
  }

  /**
   * The module is loaded in this thread. That costs little: the caller has imported the function from it.
   * @returns undefined when the module does not export the function
   * @throws ConfigError when the module cannot be loaded
   */
  async nameOf(task: AnyFunction): Promise<string | undefined> {
    this.#names ??= this.#load();
    return (await this.#names).get(task);
  }

  async #load(): Promise<ReadonlyMap<unknown, string>> {
    const exports = await importUserModule(fileURLToPath(this.#module));
    this.#loaded = new Map(Object.entries(exports).map(([name, value]) => [value, name]));
    return this.#loaded;
  }
}
