import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Command } from 'commander';
import { createProgram } from '#src/cli/program.js';
import { multilane, type Ran } from '#test/support/cli.js';

/** The words of every command: `ps`, `sagas list`. */
function commandsBelow(command: Command, above: readonly string[] = []): readonly string[] {
  return command.commands.flatMap((sub) => {
    const path = [...above, sub.name()];
    return sub.commands.length === 0 ? [path.join(' ')] : commandsBelow(sub, path);
  });
}

describe('the command line', () => {
  it('has the commands of the contract', () => {
    expect(createProgram().commands.map((command) => command.name())).to.deep.equal([
      ...['new', 'dev', 'build', 'generate', 'check', 'routes', 'grpc', 'completion'],
      ...['start', 'migrate'],
      ...['ps', 'top', 'info', 'bench'],
      ...['reload', 'sagas'],
      'help',
    ]);
  });

  it('has a row in docs/cli.md for every command and no other rows', () => {
    const documented = [
      ...readFileSync('docs/cli.md', 'utf8').matchAll(/^\| `multilane ([a-z ]+?)(?: [A-Z].*)?` \|/gm),
    ];
    expect(documented.map(([, path]) => path)).to.have.members(
      commandsBelow(createProgram()).filter((path) => path !== 'help'),
    );
  });

  it('prints help and version on stdout with exit code 0', async () => {
    const help = await multilane(['--help']);
    expect(help).to.include({ code: 0, stderr: '' });
    for (const command of createProgram().commands.filter((one) => one.name() !== 'help'))
      expect(help.stdout).to.match(new RegExp(`^  ${command.name()}\\b`, 'm'));
    const manifest: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await multilane(['--version'])).to.include({ code: 0, stdout: `${manifest.version}\n` });
  });

  it('prints the table of settings as help for start', async () => {
    const [help, flag] = await Promise.all([multilane(['help', 'start']), multilane(['start', '--help'])]);
    expect(help).to.include({ code: 0, stderr: '' });
    expect(help.stdout)
      .to.match(/^Usage: multilane start /)
      .and.include('--admin-port VALUE');
    expect(flag).to.deep.equal(help);
    expect(help.stdout).to.not.include('--no-open');
    const dev = (await multilane(['dev', '--help'])).stdout;
    expect(dev).to.include('--no-open\n').and.include('--admin-port VALUE');
  });

  it('prints the same for check as for --check', async () => {
    const check = await multilane(['check', '--demo', '--workers', '3']);
    expect(check).to.include({ code: 0, stderr: '' });
    expect(check.stdout).to.match(/^WORKERS +3 {2}# --workers$/m);
  });

  it('has defaults of development for dev, which the environment and flags override', async () => {
    const env = { DRAIN_MS: '7' };
    const { stdout } = await multilane(['dev', '--check', '--demo', '--request-log', 'off'], { env });
    expect(stdout).to.match(/^DRAIN_MS +7 {2}# DRAIN_MS$/m);
    expect(stdout).to.match(/^REQUEST_LOG +off {2}# --request-log$/m);
    expect(stdout).to.match(/^OTEL_TRACES_SAMPLER_ARG +1 {2}# --development$/m);
  });
});

const REFUSALS = [
  [
    'no command',
    [],
    2,
    /^There is no project in this folder .*\nFirst steps:\n\n {2}multilane new shop [\s\S]*\nUsage: multilane/,
  ],
  ['an unknown command', ['strat'], 2, /unknown command 'strat'\n.*start/],
  ['an unknown option', ['ps', '--jsn'], 2, /unknown option '--jsn'\n.*--json/],
  ['a missing argument', ['sagas', 'show'], 2, /missing required argument 'saga-id'/],
  ['an unknown shell', ['completion', 'tcsh'], 2, /bash, zsh, fish/],
  ['an unknown flag of start', ['start', '--demo', '--wrokers', '2'], 78, /^multilane: --wrokers.*--workers/],
  ...['start', 'dev', 'check', 'routes', 'migrate'].map(
    (command) =>
      [
        `${command} in a folder without a project`,
        [command],
        78,
        /^multilane: no configuration file: .*--demo/,
      ] as const,
  ),
  ['an unknown flag of dev', ['dev', '--demo', '--no-opn'], 78, /^multilane: --no-opn.*--no-open\?\n$/],
  ['a word behind dev', ['dev', 'now'], 78, /^multilane: unexpected argument "now"/],
  ['a setting that check refuses', ['check', '--demo', '--workers', '0'], 78, /^multilane: --workers/],
  [
    'an --admin that is no URL',
    ['ps', '--admin', 'localhost:9901'],
    2,
    /^multilane: --admin: "localhost:9901"/,
  ],
  [
    'an --admin with a path',
    ['sagas', 'list', '--admin', 'http://127.0.0.1:1/plane'],
    2,
    /--admin: "http:\/\/127\.0\.0\.1:1\/plane" has more than host and port: write http:\/\/127\.0\.0\.1:1\n$/,
  ],
  [
    'a --result that is no JSON',
    ['sagas', 'skip', 'x', '--result', '{bad'],
    2,
    /^multilane: --result is no JSON, such as/,
  ],
  [
    'a package name that is taken',
    ['new', 'multilane'],
    2,
    /"multilane" cannot be .* because it is taken; .*--name/,
  ],
  ['an invalid package name', ['new', 'Shop'], 2, /"Shop" cannot be the name/],
] as const;

describe('the command line refuses, on stderr', () => {
  let runs: readonly Ran[];
  before(async () => {
    runs = await Promise.all(REFUSALS.map(([, args]) => multilane(args)));
  });
  for (const [index, [what, , code, says]] of REFUSALS.entries()) {
    it(`${what}, with exit code ${code}`, () => {
      expect(runs[index]).to.include({ code, stdout: '' });
      expect(runs[index]?.stderr).to.match(says);
    });
  }
});
