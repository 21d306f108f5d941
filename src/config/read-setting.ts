// Reads one setting from its sources.
import { ConfigError } from '../errors.js';
import { maskText } from '../redaction/secret-texts.js';
import type { MachineFacts, Setting } from './setting.js';
import { placeOf, type SettingSource, type WrittenSetting } from './setting-source.js';

/** One setting and its value. */
export interface ReadSetting {
  readonly name: string;
  readonly setting: Setting;
  readonly value: unknown;
  /** Where and how the value was written; undefined: it is the default. */
  readonly written: WrittenSetting | undefined;
}

/**
 * @param sources in order of precedence
 * @throws ConfigError for a value that is not of the setting's kind, unless the setting is lenient
 */
export function readSetting(
  name: string,
  setting: Setting,
  sources: readonly SettingSource[],
  machine: MachineFacts,
  warn: (warning: string) => void,
): ReadSetting {
  for (const source of sources) {
    const written = source(name, setting);
    if (written === undefined) continue;
    const value = written.text === undefined ? undefined : setting.kind.parse(written.text);
    if (value !== undefined) return { name, setting, value, written };
    const message = wrongValue(written, setting);
    if (setting.lenient !== true || written.place !== 'environment') throw new ConfigError(message);
    warn(`${message}; ignored, as if it were not set`);
  }
  return { name, setting, value: setting.default(machine), written: undefined };
}

function wrongValue(written: WrittenSetting, { kind, unit }: Setting): string {
  // Even the value of a setting that is no secret may contain one by mistake, so it is masked.
  const shown = kind.secret === true ? 'the value' : maskText(JSON.stringify(written.raw));
  const range = kind.range === undefined ? '' : ` ${kind.range}`;
  return `${placeOf(written)}: ${shown} is not ${kind.type}${range}${unit === undefined ? '' : ` (${unit})`}`;
}
