import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { Command } from 'commander';
import { commandTree, hasOwnHelp, pathOf } from '#src/cli/command-help.js';
import { COMMAND_TEXTS } from '#src/cli/help-texts.js';
import { createProgram } from '#src/cli/program.js';
import { anchorsOf } from '../docs/anchors.js';

/** Runs a command line in this process, with commander's output collected. */
async function said(args: readonly string[], hasColours = false): Promise<string> {
  const program = createProgram();
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  for (const command of commandTree(program)) {
    command.configureOutput({
      writeOut: write,
      writeErr: write,
      getOutHasColors: () => hasColours,
      getErrHasColors: () => hasColours,
    });
  }
  await program.parseAsync(args, { from: 'user' }).catch(() => undefined);
  return text;
}

const commands = commandTree(createProgram()).filter((command) => command.parent !== null);
const wordsOf = (command: Command): readonly string[] => pathOf(command).split(' ');

describe('the help of a command', () => {
  for (const command of commands) {
    it(`of ${pathOf(command)} has a purpose, meanings, examples and a page`, async () => {
      const help = await said(['help', ...wordsOf(command)]);
      expect(await said([...wordsOf(command), '--help'])).to.equal(help);
      expect(help).to.match(/^Usage: multilane [\s\S]+\n\n[A-Z][\s\S]*\.\n/);
      expect(help).to.match(/\nExamples:\n {2}# .+\n {2}multilane /);
      for (const argument of command.registeredArguments) expect(argument.description).to.not.equal('');
      for (const option of command.options) expect(option.description, option.flags).to.not.equal('');
      const wide = help.split('\n').filter((line) => line.length > 80 && !/^ {2}(multilane|--)/.test(line));
      expect(wide).to.deep.equal([]);
    });
  }

  it('names a page and a heading that exist', () => {
    for (const { docs } of Object.values(COMMAND_TEXTS)) {
      const [page = '', anchor] = docs.split('#');
      expect(existsSync(`docs/${page}`), page).to.equal(true);
      if (anchor !== undefined) expect(anchorsOf(`docs/${page}`)).to.include(`#${anchor}`);
    }
  });

  it('shows only examples whose words and options are known', () => {
    for (const { examples } of Object.values(COMMAND_TEXTS)) {
      for (const [, line] of examples) {
        const words = line.split(' ');
        const path = commands.map(pathOf).filter((one) => line === one || line.startsWith(`${one} `));
        const command = commands.find((one) => pathOf(one) === path.at(-1));
        if (command === undefined || !hasOwnHelp(command)) continue;
        const known = command.options.flatMap(({ long, short }) => [long, short]);
        for (const word of words.filter((one) => /^--?[a-z]/.test(one))) {
          if (words.indexOf('|') === -1 || words.indexOf(word) < words.indexOf('|')) {
            expect(known, line).to.include(word);
          }
        }
      }
    }
  });
});

describe('the main help', () => {
  it('shows the commands in groups and within 80 columns', async () => {
    const help = await said(['--help']);
    const headings = [...help.matchAll(/^(\w+):$/gm)].map(([, heading]) => heading);
    expect(headings).to.deep.equal(['Options', 'Develop', 'Run', 'Inspect', 'Operate']);
    expect(help.split('\n').filter((line) => line.length > 80)).to.deep.equal([]);
  });

  it('has colours where the output has them, and none elsewhere', async () => {
    expect(await said(['--help'])).to.not.include('\x1b');
    expect(await said(['--help'], true)).to.include('\x1b[1mDevelop:');
  });
});

const HINTS = [
  ['strat', 'Did you mean: multilane start'],
  ['sagas lst', 'Did you mean: multilane sagas list'],
  ['help sagas lst', 'Did you mean: multilane sagas list'],
  ['workers', 'Did you mean: multilane ps'],
  ['status', 'Did you mean: multilane ps'],
  ['init', 'Did you mean: multilane new'],
  ['create', 'Did you mean: multilane new'],
  ['serve', 'Did you mean: multilane start'],
  ['run', 'Did you mean: multilane start'],
  ['restart', 'Did you mean: multilane reload'],
  ['logs', 'writes its logs to stdout'],
  ['stop', 'press Ctrl-C in its terminal'],
  ['kill', 'press Ctrl-C in its terminal'],
  ['frobnicate', 'multilane --help lists all commands.'],
  ['foo', 'multilane --help lists all commands.'],
  ['help nope', 'multilane --help lists all commands.'],
  ['sagas frobnicate', 'Commands: list, show, retry, compensate, skip'],
  ['ps --prot 1', 'Did you mean --port? --port is a setting: multilane start, dev and check accept it.'],
  ['ps --workers 2', '--workers is a setting: multilane start, dev and check accept it.'],
  ['--port 1', '--port is a setting'],
  ['ps --timeout 3', '--timeout is an option of multilane reload.'],
  ['ps --jsn', 'Did you mean --json?'],
  ['sagas show', 'Usage: multilane sagas show [options] <saga-id>'],
] as const;

describe('a wrong command line', () => {
  for (const [line, hint] of HINTS) {
    it(`gets a hint: ${line}`, async () => {
      const text = (await said(line.split(' '))).replaceAll('\n', ' ');
      expect(text)
        .to.match(/^error: /)
        .and.include(hint);
    });
  }

  it('names no command that does not exist', async () => {
    const names = commands.map(pathOf);
    for (const [line] of HINTS) {
      const [, suggested] = /Did you mean: multilane (.+)/.exec(await said(line.split(' '))) ?? [];
      if (suggested !== undefined) expect(names).to.include(suggested);
    }
  });

  for (const [flags, hint] of [
    [
      ['--inspect=9230'],
      /--inspect is an option of node: node --inspect node_modules\/.bin\/multilane start/,
    ],
    [['--json'], /--json: unknown option of start. --json is an option of multilane routes, /],
    [['-p', '1'], /-p: options have long names here, did you mean --port\?/],
  ] as const) {
    it(`of start is refused as a setting: ${flags.join(' ')}`, async () => {
      const program = createProgram();
      const refused = await program.parseAsync(['start', '--demo', ...flags], { from: 'user' }).catch(String);
      expect(refused).to.match(hint);
    });
  }
});
