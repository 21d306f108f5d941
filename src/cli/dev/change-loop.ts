// What `multilane dev` does after a change: it has the workers replaced when only their code is concerned,
// and starts the process anew otherwise. One thing happens at a time; changes that come meanwhile are handled
// together, once, when it is done.
import { basename, relative } from 'node:path';
import type { DevProcess } from '../dev-process.js';
import { isMigration } from '../migration-name.js';
import type { ProjectChange } from '../project-watch.js';
import type { DefinitionProbe } from './definition-probe.js';
import type { QuietMomentTimes } from './quiet-moment.js';

/** The most names of files in one line. */
const MOST_NAMED = 3;
/** How long changes that follow each other may interrupt a read of the project or a start. */
export const MOST_POSTPONED_MS = 500;
/** How long the next read or start is then not interrupted. One that takes longer may hang. */
export const PATIENCE_MS = 10_000;

const ENV_FILE = /^\.env(?:\.|$)/;

export interface ChangeLoopOptions {
  readonly child: Pick<DevProcess, 'state' | 'start' | 'restart' | 'settled' | 'reload'>;
  readonly probe: Pick<DefinitionProbe, 'read' | 'prepare'>;
  /** Prints a line about the progress. */
  readonly report: (line: string) => void;
  /** Prints the text of an error. */
  readonly print: (text: string) => void;
  /**
   * Builds the project where that is needed before code runs. Resolves to the text of a failure.
   * @default nothing is built
   */
  readonly build?: () => Promise<string | undefined>;
  /**
   * Called when a start, or all changes until now, have been handled; not after a build that has failed,
   * because the compiler has printed the errors of the project then.
   * @default nothing
   */
  readonly handled?: () => void;
  /** @default the clock and the timers of Node.js */
  readonly times?: QuietMomentTimes;
}

export class ChangeLoop {
  readonly #options: ChangeLoopOptions;
  #waiting: ProjectChange[] = [];
  #isWorking = false;
  /** Settles the wait for something that a further change makes pointless. */
  #interrupt: (() => void) | undefined;
  /** When the first of several waits began that changes have interrupted one after the other. */
  #postponedSince: number | undefined;
  readonly #clock: () => number;
  readonly #after: NonNullable<QuietMomentTimes['after']>;
  /** What the primary that runs has loaded; undefined where that is not known. */
  #definition: Promise<string | undefined> = Promise.resolve(undefined);
  /** A file of the primary has changed, and the process that runs has not read it yet. */
  #hasExplainedEnv = false;
  #needsRestart = false;
  #isBuildable = true;

  constructor(options: ChangeLoopOptions) {
    this.#options = options;
    const { clock = () => performance.now(), after = setTimeout } = options.times ?? {};
    this.#clock = clock;
    this.#after = after;
  }

  /** Starts the process, and reads beside it what its primary loads. A change before that waits. */
  async start(): Promise<void> {
    const { child, report, handled } = this.#options;
    this.#isWorking = true;
    if (this.#options.build === undefined || (await this.#isBuilt())) {
      child.start();
      this.#definition = this.#readDefinition();
      void child.settled().then(handled);
    } else {
      report('waiting for a change');
    }
    this.#isWorking = false;
    void this.#work();
  }

  changed(changes: readonly ProjectChange[]): void {
    this.#waiting.push(...changes);
    this.#interrupt?.();
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isWorking || this.#waiting.length === 0) return;
    this.#isWorking = true;
    while (this.#waiting.length > 0) {
      const changes = this.#waiting;
      this.#waiting = [];
      await this.#handle(changes);
    }
    this.#isWorking = false;
    this.#options.probe.prepare();
    if (this.#isBuildable) this.#options.handled?.();
  }

  async #handle(changes: readonly ProjectChange[]): Promise<void> {
    const { child, probe, print, report } = this.#options;
    const begun = performance.now();
    const what = `${namesOf(changes)} changed`;
    // A process that is ready has applied the migrations that it has read.
    const hasReadAll = child.state === 'ready' && !this.#needsRestart;
    const applied = hasReadAll ? changes.filter(({ file }) => isMigration(basename(file))) : [];
    if (changes.some(({ reach }) => reach === 'process')) this.#needsRestart = true;
    if (!this.#hasExplainedEnv && changes.some(({ file }) => ENV_FILE.test(basename(file)))) {
      this.#hasExplainedEnv = true;
      report('settings are read from .env only where the configuration calls process.loadEnvFile()');
    }
    if (this.#options.build !== undefined && !(await this.#isBuilt())) {
      const next = child.state === 'ready' ? ', so the code before it goes on serving' : '';
      report(`${what}; it cannot be built${next}`);
      return undefined;
    }
    // A process that is starting may have read the files before or after the change.
    if (child.state !== 'ready') return this.#restart(what, begun);
    const before = await this.#unlessChanged(this.#definition);
    const probed = await this.#unlessChanged(probe.read());
    if (probed === undefined) return this.#postpone(changes);
    this.#postponedSince = undefined;
    if (applied.length > 0)
      report(`${namesOf(applied)}: applied already, so a change is not run; write another migration`);
    if ('failure' in probed) {
      print(probed.failure);
      report(`${what}; it does not load, so the code before it goes on serving`);
      return undefined;
    }
    if (this.#needsRestart || before !== probed.definition)
      return this.#restart(what, begun, probed.definition);
    return this.#reload(what, begun);
  }

  async #restart(what: string, begun: number, definition?: string): Promise<void> {
    const { child, report } = this.#options;
    report(`${what}; restarting`);
    this.#needsRestart = false;
    await child.restart();
    this.#definition = definition === undefined ? this.#readDefinition() : Promise.resolve(definition);
    if (await this.#unlessChanged(child.settled().then(() => true))) this.#postponedSince = undefined;
    if (child.state === 'ready') report(`restarted in ${msSince(begun)}`);
  }

  async #reload(what: string, begun: number): Promise<void> {
    const { child, print, report } = this.#options;
    const result = await child.reload();
    if (result === undefined) return; // the process has ended, which is reported
    if (result.isDone) {
      report(`${what}; workers reloaded in ${msSince(begun)}`);
      return;
    }
    if (result.failure !== undefined) print(`multilane: ${result.failure}\n`);
    report(`${what}; no worker can start with it, so the code before it goes on serving`);
  }

  /** Whether the code can run. If not, the reason is printed. */
  async #isBuilt(): Promise<boolean> {
    const failure = await this.#options.build?.();
    if (failure !== undefined) this.#options.print(failure);
    this.#isBuildable = failure === undefined;
    return this.#isBuildable;
  }

  /** A further change has come before it was known what these changes mean: they are handled together. */
  #postpone(changes: readonly ProjectChange[]): void {
    this.#waiting.unshift(...changes);
  }

  /**
   * Waits for a result until a change comes. When changes have interrupted several waits, this one goes on
   * for a while: otherwise an edit would not be served as long as others follow.
   * @returns undefined when a change has come first
   */
  async #unlessChanged<T>(result: Promise<T>): Promise<T | undefined> {
    const begun = this.#clock();
    const isOverdue = begun - (this.#postponedSince ?? begun) >= MOST_POSTPONED_MS;
    const patienceMs = isOverdue ? PATIENCE_MS : 0;
    let timer: NodeJS.Timeout | undefined;
    const changed = new Promise<undefined>((resolve) => {
      const interrupt = (): void => {
        this.#interrupted(begun);
        resolve(undefined);
      };
      this.#interrupt = () => {
        const restMs = begun + patienceMs - this.#clock();
        if (restMs <= 0) interrupt();
        else timer ??= this.#after(interrupt, restMs);
      };
    });
    try {
      if (this.#waiting.length > 0) this.#interrupt?.();
      return await Promise.race([changed, result]);
    } finally {
      clearTimeout(timer);
      this.#interrupt = undefined;
    }
  }

  /** @param begun when the wait began that a change has interrupted */
  #interrupted(begun: number): void {
    const isLong = this.#clock() - begun >= PATIENCE_MS;
    this.#postponedSince = isLong ? undefined : (this.#postponedSince ?? begun);
  }

  async #readDefinition(): Promise<string | undefined> {
    const result = await this.#options.probe.read();
    this.#options.probe.prepare();
    return 'definition' in result ? result.definition : undefined;
  }
}

function namesOf(changes: readonly ProjectChange[]): string {
  const names = [...new Set(changes.map(({ file }) => relative(process.cwd(), file)))];
  const more = names.length - MOST_NAMED;
  return more > 0 ? `${names.slice(0, MOST_NAMED).join(', ')} and ${more} more` : names.join(', ');
}

const msSince = (begun: number): string => `${Math.round(performance.now() - begun)} ms`;
