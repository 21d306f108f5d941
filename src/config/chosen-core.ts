// Which HTTP core runs (HTTP_CORE), and what follows from it for other settings. The choice is made once, in
// the primary, by the function that `loadSettings` is given; it is in the settings that workers receive.
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';

/** The settings on which the choice depends. */
export interface AskedCore extends Pick<Settings, 'maxHeaderBytes' | 'maxUrlBytes'> {
  readonly httpCore: 'auto' | Settings['httpCore'];
  /** Where and how HTTP_CORE was written, for the reason; undefined: it is the default. */
  readonly httpCoreWritten?: Settings['httpCoreWritten'];
}

export interface ChosenCore {
  readonly core: Settings['httpCore'];
  /** The reason in words, for `--check`, the ready line of the log and `multilane info`. */
  readonly why: string;
  /**
   * Whether several threads can listen on one port. The core on uWebSockets.js can always serve with several
   * workers; that on `node:http` serves with one where this is false.
   */
  readonly sharesPort: boolean;
  /** What an operator should mend, with the next step. */
  readonly warning?: string;
}

/** Nothing is loaded: for commands and tests that open no socket. `auto` is then taken for `uws`. */
export const assumedCore = ({ httpCore }: Pick<AskedCore, 'httpCore'>): ChosenCore => ({
  core: httpCore === 'node' ? 'node' : 'uws',
  why: `HTTP_CORE=${httpCore}; nothing was loaded`,
  sharesPort: true,
});

/** With this core exactly one worker can listen. */
export const isAlone = ({ core, sharesPort }: ChosenCore): boolean => core === 'node' && !sharesPort;

/** The settings that depend on the core, as they were read. */
export interface ReadForCore extends Pick<Settings, 'workers'> {
  readonly httpCore: AskedCore['httpCore'];
  readonly sharding: 'acceptor' | 'reuseport';
}

export interface SettledCore {
  readonly settings: Pick<Settings, 'httpCore' | 'sharding' | 'workers'>;
  /** About values that have no effect with this core. */
  readonly warnings: readonly string[];
}

/**
 * What the settings are with this core. The core on `node:http` has no acceptor.
 * @param written how and where a setting was written, for messages; undefined for one that was not
 * @throws ConfigError for SHARDING=acceptor beside HTTP_CORE=node
 */
export function settledFor(
  chosen: ChosenCore,
  { httpCore, sharding, workers }: ReadForCore,
  written: (name: string) => string | undefined,
): SettledCore {
  const { core } = chosen;
  const as = (name: string): string => written(name) ?? name;
  if (core === 'uws') return { settings: { httpCore: core, sharding, workers }, warnings: [] };
  const warnings: string[] = [];
  if (sharding === 'acceptor') {
    const what = `${as('SHARDING')}: acceptor needs the HTTP core uws`;
    if (httpCore === 'node') {
      throw new ConfigError(`${what}, but ${as('HTTP_CORE')} selects node: leave acceptor out`);
    }
    warnings.push(`${what}, which cannot run here, so it is ignored; leave it out`);
  }
  if (!isAlone(chosen)) return { settings: { httpCore: core, sharding: 'reuseport', workers }, warnings };
  if (workers > 1) {
    const place = written('WORKERS');
    warnings.push(
      `${place === undefined ? '' : `${place}: `}one HTTP worker runs instead of ${workers}, because the HTTP core ` +
        'node cannot share a port between threads here; it can with Node.js 22.12 or newer on Linux',
    );
  }
  return { settings: { httpCore: core, sharding: 'single', workers: 1 }, warnings };
}
