// The contract of the places a setting is read from: command line, environment, file.
import type { Setting } from './setting.js';

/** What somebody wrote for a setting. */
export interface WrittenSetting {
  /** As messages name it: `--port`, `MULTILANE_PORT`, `multilane.config.js: port`. */
  readonly as: string;
  /** undefined: a value in a file that is not even of the right type. */
  readonly text: string | undefined;
  readonly raw: unknown;
  readonly place: 'command line' | 'environment' | 'file';
}

/** Answers undefined when nobody wrote anything. */
export type SettingSource = (name: string, setting: Setting) => WrittenSetting | undefined;
