// Listeners that modules of the project open in a thread by themselves. They end a start. A process that
// serves goes on without them.
import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { ConfigError } from '../errors.js';
import { sourceFile } from '../source-file.js';
import { watchListeners } from './listen-watch.js';
import type { OwnListener } from './own-listener.js';

export class ProjectListeners {
  /** Those that nothing has handled yet. */
  readonly #found: OwnListener[] = [];
  #handle: (listener: OwnListener) => void = (listener) => void this.#found.push(listener);
  #isStarting = true;
  #refusal: ConfigError | undefined;
  /** The last call that has failed. */
  #failed: OwnListener | undefined;
  /** Ends the watch. */
  readonly end: () => void;

  /** Create it before the modules are loaded. */
  constructor() {
    this.end = watchListeners({
      found: (listener) => this.#handle(listener),
      failed: (listener) => {
        this.#failed = listener;
      },
    });
  }

  /** The error that ends the start. */
  get refusal(): ConfigError | undefined {
    return this.#refusal;
  }

  /** The last call that has failed. During the load, code of the project may have handled that. */
  get failed(): OwnListener | undefined {
    return this.#failed;
  }

  /** They are not only reported yet. */
  get isStarting(): boolean {
    return this.#isStarting;
  }

  /**
   * Call it a turn of the event loop later: Node.js calls back in that turn when a server listens.
   * @param file the module that was loaded
   * @throws ConfigError for one that was opened until now
   */
  refuse(file: string | undefined, during = afterLoading(file)): void {
    const [first] = this.#found;
    if (first !== undefined) throw this.#refuse(first, file, during);
  }

  /** The error for what code of the project has thrown, where that is the failure of such a listener. */
  refusalOf(thrown: unknown, file: string, during: string): ConfigError | undefined {
    const failed = this.#failed;
    if (failed === undefined || failed.failure !== thrown) return undefined;
    return this.#refuse(failed, file, during);
  }

  /** From here on they end the start. @param file the module that was loaded */
  endStart(end: (refusal: ConfigError) => void, file: string | undefined): void {
    this.#failed = undefined;
    this.#handleBy((listener) => end(this.#refuse(listener, file, afterLoading(file))));
  }

  /** From here on they are reported in the log. */
  report(log: Pick<Logger, 'error'>): void {
    this.#isStarting = false;
    this.#handleBy((listener) => log.error(listener.report()));
  }

  #refuse(listener: OwnListener, file: string | undefined, during: string): ConfigError {
    this.#refusal ??= listener.refusal(file ?? 'the project', during);
    return this.#refusal;
  }

  #handleBy(handle: (listener: OwnListener) => void): void {
    this.#handle = handle;
    for (const listener of this.#found.splice(0)) handle(listener);
  }
}

const afterLoading = (file: string | undefined): string =>
  `after loading ${file === undefined ? 'the project' : basename(sourceFile(file))}`;
