// Command lines of the pages: those of the package, of npm and of process managers, whose commands, flags,
// settings and files can be looked up without running them.
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '#src/cli/program.js';
import { SETTINGS } from '#src/config/table.js';

/** Variables of other programs. */
const FOREIGN = new Set(['NODE_OPTIONS', 'A', 'INSTANCE']);
/** Scripts of npm that are commands as well. */
const NPM_SCRIPTS = new Set(['start', 'test']);
/** Commands of npm that the pages use. */
const NPM_COMMANDS = new Set(['install', 'ci', 'pack']);
const FLAG = /^--(?:no-)?([\w-]+)(?:=.*)?$/;
const ASSIGNMENT = /^([A-Z][A-Z_]*)=/;

type Scripts = Readonly<Record<string, string>>;
const scriptsOf = (folder: string): Scripts =>
  (JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { readonly scripts: Scripts }).scripts;

/** The simple commands of a block, each as its words, without comments. */
export function commandsIn(block: string): readonly (readonly string[])[] {
  return block
    .replaceAll(/\\\n/g, ' ')
    .replaceAll(/^#.*$|\s#\s.*$/gm, '')
    .split(/\n|&&|;(?= )|(?<= )\|(?= )/)
    .map((line) => line.trim().replace(/^source <\((.*)\)$/, '$1'))
    .filter((line) => line !== '')
    .map((line) => line.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|\S)+/g) ?? []);
}

/** What is wrong with the command line of `multilane`; undefined where all its words are known. */
function wrongIn(words: readonly string[]): string | undefined {
  let command: Command = createProgram();
  const flags: string[] = [];
  for (const word of words) {
    const inner = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (word.startsWith('-')) flags.push(word);
    else if (inner !== undefined && flags.length === 0) command = inner;
  }
  if (command.parent === null) return `there is no command ${words[0] ?? ''}`;
  const own = command.options.flatMap(({ long }) => (long == null ? [] : [long]));
  const takesSettings = WITH_SETTINGS.has(command.name());
  return flags.find((flag) => {
    const [, name = ''] = FLAG.exec(flag) ?? [];
    const isSetting = Object.hasOwn(SETTINGS, name.replaceAll('-', '_').toUpperCase());
    return !own.includes(flag.replace(/=.*/, '')) && !(takesSettings && (isSetting || OTHERS.has(name)));
  });
}

/** Commands that accept every setting as a flag, and declare none of them. */
const WITH_SETTINGS = new Set(['start', 'dev', 'check']);
/** Their flags that are no settings. */
const OTHERS = new Set(['config', 'demo', 'check', 'development']);

/**
 * Looks a command up.
 * @returns what is wrong with it; an empty text where nothing is; undefined for another program
 */
export function faultOf(words: readonly string[], page: string): string | undefined {
  const [word = '', ...more] = words;
  if (word === 'export') return faultOf(more, page);
  const [, variable] = ASSIGNMENT.exec(word) ?? [];
  if (variable !== undefined) {
    const name = variable.replace(/^MULTILANE_/, '');
    if (!FOREIGN.has(name) && !Object.hasOwn(SETTINGS, name)) return `there is no setting ${variable}`;
    return more.length === 0 ? '' : faultOf(more, page);
  }
  return PROGRAMS[word]?.(more, page);
}

const missing = (path: string): string => (existsSync(path) ? '' : `there is no ${path}`);
/** A file of the package in a project is one of this repository. */
const packaged = (path: string): string => path.replace(/^node_modules\/multilane\//, '');

const PROGRAMS: Readonly<Record<string, (words: readonly string[], page: string) => string | undefined>> = {
  multilane: (words) => wrongIn(words) ?? '',
  npx(words) {
    const at = words.indexOf('multilane');
    return at === -1 ? undefined : (wrongIn(words.slice(at + 1)) ?? '');
  },
  npm([command = '', script = ''], page) {
    if (NPM_COMMANDS.has(command)) return '';
    const name = NPM_SCRIPTS.has(command) ? command : script;
    const folders = page.startsWith('examples/') ? [dirname(page)] : ['template/ts', '.'];
    const known = folders.some((folder) => Object.hasOwn(scriptsOf(folder), name));
    return known ? '' : `there is no script ${name}`;
  },
  cd: () => '',
  echo: () => '',
  node(words) {
    const [file = '', ...more] = words.filter((word) => !word.startsWith('-'));
    if (file === 'node_modules/.bin/multilane') return wrongIn(more) ?? '';
    return /^(?:node_modules\/multilane|examples)\//.test(file) ? missing(packaged(file)) : undefined;
  },
  pm2: ([, file = '']) => missing(`template/shared/${file}`),
  source: () => '',
};
