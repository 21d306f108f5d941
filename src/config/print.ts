// Texts that are made from the table of settings: `--help`, `--check`, and the table of docs/settings.md.
import { readFileSync } from 'node:fs';
import type { ChosenCore } from './chosen-core.js';
import { OPTIONS } from './command-line.js';
import type { ReadSetting } from './read-setting.js';
import { type MachineFacts, type Setting, shownDefault } from './setting.js';
import { flagOf, keyOf, PREFIX } from './setting-names.js';
import { PER_SERVICE, SERVICE_DATABASE_URL, SETTINGS } from './table.js';

const GIB = 1024 ** 3;

const ALL: readonly (readonly [string, Setting])[] = Object.entries({
  ...SETTINGS,
  [PER_SERVICE]: SERVICE_DATABASE_URL,
});

export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String((manifest as { readonly version: unknown }).version);
}

const expected = ({ kind, unit }: Setting): string =>
  [kind.type.replace(/^an? /, ''), kind.range, unit && `(${unit})`].filter(Boolean).join(' ');

/** The widest line of a help text. */
export const HELP_COLUMNS = 80;

/**
 * Wraps text at the width of a help text. A longer word gets a line of its own.
 * @param first indentation of the first line
 * @param others indentation of the other lines
 */
export function filled(text: string, first: string, others = first): string {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.split(' ')) {
    if (line === undefined) line = first + word;
    else if (line.length + 1 + word.length <= HELP_COLUMNS) line += ` ${word}`;
    else {
      lines.push(line);
      line = others + word;
    }
  }
  return [...lines, line].join('\n');
}

/** A link of the settings table to another page. */
const LINK = /\[([^\]]+)\]\(([\w-]+\.md)[^)]*\)/g;

const PURPOSE = `Starts the services of multilane.config.{ts,js,mjs,json} in the working
directory. The reference shop needs no file: --demo.`;

/**
 * The text of `--help`.
 * @param command command that precedes the options
 * @param own meanings of the options that this command alone has
 * @param purpose what the command does, with examples
 */
export function helpText(
  machine: MachineFacts,
  command = 'node dist/primary.js',
  own: Readonly<Record<string, string>> = {},
  purpose = PURPOSE,
): string {
  const flags = ALL.map(([name, setting]) => {
    const head = `  ${flagOf(name)} VALUE   [${name}]   default: `;
    const meaning = setting.meaning.replace(LINK, '$1 (docs/$2)');
    const value = filled(shownDefault(setting, machine), head, '      ');
    return `${value}\n${filled(`${meaning} Value: ${expected(setting)}.`, '      ')}`;
  });
  const options = Object.entries({ ...own, ...OPTIONS }).map(([option, meaning]) => {
    return `  ${option === '--config' ? '--config FILE' : option}\n${filled(meaning, '      ')}`;
  });
  return `Usage: ${command} [option]...

${purpose}

${options.join('\n')}

Every setting can be given on the command line, in the environment as
${PREFIX}<NAME> (or by its bare name, when that is unset), and in the
configuration file by its camelCase name, in this order of precedence.

${flags.join('\n')}
`.replaceAll('`', '');
}

export interface CheckFacts {
  readonly machine: MachineFacts;
  readonly core: ChosenCore;
  /** Names of the services that would be mounted. */
  readonly services: readonly string[];
  /** Path of the configuration file, if there is one. */
  readonly file: string | undefined;
  /** Folder of the embedded PostgreSQL's socket; undefined: no embedded PostgreSQL is started. */
  readonly socketDirectory: string | undefined;
  readonly warnings: readonly string[];
}

/** The core that runs, and why. */
export const coreText = ({ core, why }: Pick<ChosenCore, 'core' | 'why'>): string => `${core} (${why})`;

/** A setting as people read it, with secrets masked. */
export interface ShownSetting {
  readonly name: string;
  /** null: it has none. */
  readonly value: string | null;
  /** Where the value was written, or `default`. */
  readonly source: string;
  readonly default: string;
  readonly unit: string | null;
  readonly meaning: string;
}

/** Plain text of a description in Markdown. */
const plain = (text: string): string => text.replace(LINK, '$1 (docs/$2)').replaceAll('`', '');

export const shownSettings = (
  lines: readonly ReadSetting[],
  machine: MachineFacts,
): readonly ShownSetting[] =>
  lines.map(({ name, setting, value, written }) => ({
    name,
    value: value === undefined ? null : setting.kind.show(value),
    source: written === undefined ? 'default' : written.as,
    default: plain(shownDefault(setting, machine)),
    unit: setting.unit ?? null,
    meaning: plain(setting.meaning),
  }));

/** The text of `--check`. */
export function checkText(lines: readonly ReadSetting[], facts: CheckFacts): string {
  const rows = [
    ...lines.map(({ name, setting, value, written }) => ({
      name,
      shown: value === undefined ? `- (${shownDefault(setting, facts.machine)})` : setting.kind.show(value),
      from: written === undefined ? 'default' : written.as,
    })),
    { name: 'HTTP core', shown: coreText(facts.core), from: '' },
    { name: 'configuration file', shown: facts.file ?? '-', from: '' },
    { name: 'services to mount', shown: facts.services.join(','), from: '' },
    { name: 'embedded PostgreSQL socket', shown: facts.socketDirectory ?? '-', from: '' },
  ];
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const table = rows.map(({ name, shown, from }) =>
    `${name.padEnd(nameWidth)}  ${shown.replaceAll('`', '')}${from && `  # ${from}`}`.trimEnd(),
  );
  return [...table, ...facts.warnings.map((warning) => `warning: ${warning}`), ''].join('\n');
}

/** The table of docs/settings.md. */
export function settingsTable(): string {
  const anyMachine = {
    parallelism: 1,
    openFiles: 1024,
    memoryBytes: GIB,
    oldGenerationBytes: GIB,
    workers: 1,
    isTTY: false,
  };
  const rows = ALL.map(([name, setting]) => {
    const usual = setting.defaultText ?? `\`${shownDefault(setting, anyMachine)}\``;
    const key = name === 'SERVICES' ? '-' : `\`${keyOf(name)}\``;
    const cells = [`\`${name}\``, key, expected(setting), usual, setting.meaning];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| variable | key | value | default | meaning |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}
