// The contract of the sources of settings: command line, environment, configuration file, and the defaults of
// development.
import type { Setting } from './setting.js';

/** The value of a setting as it was written in a source. */
export interface WrittenSetting {
  /**
   * Name of the setting in its source, for messages: `--port`, `MULTILANE_PORT`, `multilane.config.js: port`.
   */
  readonly as: string;
  /** The same with the line in the source, for messages about a mistake. Default: it has no lines. */
  readonly locate?: () => string;
  /** The value as text; undefined: a value in a file that has the wrong type. */
  readonly text: string | undefined;
  /** The value as the source contains it, for messages about a wrong one. */
  readonly raw: unknown;
  readonly place: 'command line' | 'environment' | 'file' | 'defaults of development';
}

/** Where a value was written, as a message about it begins. */
export const placeOf = ({ as, locate }: WrittenSetting): string => locate?.() ?? as;

/** Returns undefined when the source does not contain the setting. */
export type SettingSource = (name: string, setting: Setting) => WrittenSetting | undefined;
