// Listeners that modules of the project open in the primary by themselves. They end a start. Once the process
// serves, it goes on without them.
import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { Ending } from '../process/ending.js';
import { sourceFile } from '../source-file.js';
import { type OwnListener, watchListeners } from '../user-code/own-listener.js';

export class ProjectListeners {
  /** Those that nothing has handled yet. */
  readonly #found: OwnListener[] = [];
  #handle: (listener: OwnListener) => void = (listener) => void this.#found.push(listener);

  /** Create it before the modules are loaded. */
  constructor() {
    watchListeners((listener) => this.#handle(listener));
  }

  /** From here on they end the start. @param configFile the module that was loaded */
  endStart(ending: Pick<Ending, 'fail'>, configFile: string | undefined): void {
    const file = configFile ?? 'the project';
    this.#handleBy((listener) => {
      const { message, exitCode } = listener.refusal(file, `after loading ${basename(sourceFile(file))}`);
      void ending.fail(message, exitCode);
    });
  }

  /** From here on they are reported in the log. */
  report(log: Pick<Logger, 'error'>): void {
    this.#handleBy((listener) => log.error({ port: listener.port }, listener.closed()));
  }

  #handleBy(handle: (listener: OwnListener) => void): void {
    this.#handle = handle;
    for (const listener of this.#found.splice(0)) handle(listener);
  }
}
