import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { completionScript } from '#src/cli/completion-script.js';
import { levelsOf } from '#src/cli/completion-words.js';
import { createProgram } from '#src/cli/program.js';

const levels = levelsOf(createProgram());

/** The completions that bash offers for the last of these words. */
function offered(...words: readonly string[]): readonly string[] {
  const script = `${completionScript('bash', levels)}
    COMP_WORDS=(multilane "$@"); COMP_CWORD=$#; _multilane; echo "\${COMPREPLY[*]}"`;
  const out = execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  return out.trim().split(' ');
}

describe('completion', () => {
  it('offers commands, subcommands and the options of a command', () => {
    expect(offered('re')).to.deep.equal(['reload']);
    expect(offered('sagas', '')).to.include.members(['list', 'show', 'retry', 'compensate', 'skip']);
    expect(offered('sagas', 'list', '--s')).to.deep.equal(['--saga', '--status']);
    expect(offered('reload', '--a')).to.deep.equal(['--admin']);
  });

  it('offers the settings as flags of start, also after other flags', () => {
    expect(offered('start', '--port', '0', '--admin-p')).to.deep.equal(['--admin-port']);
    expect(offered('dev', '--port', '0', '--admin-p')).to.deep.equal(['--admin-port']);
    expect(offered('dev', '--no-')).to.deep.equal(['--no-open', '--no-types']);
  });

  it('offers the values of an option that has a few', () => {
    expect(offered('start', '--log-format', '')).to.deep.equal(['json', 'pretty']);
    expect(offered('dev', '--adaptive-limit', '')).to.deep.equal(['on', 'off']);
    expect(offered('sagas', 'list', '--status', 'comp')).to.deep.equal([
      'completed',
      'compensating',
      'compensated',
    ]);
  });

  it('offers the commands and options below a short name', () => {
    expect(offered('g', 's')).to.deep.equal(['service', 'saga']);
    expect(offered('g', 'route', '--dry')).to.deep.equal(['--dry-run']);
  });

  it('offers the known shells', () => {
    expect(offered('completion', '')).to.include.members(['bash', 'zsh', 'fish']);
  });

  for (const shell of ['zsh', 'fish'] as const) {
    it(`writes a script for ${shell} with every word and its meaning`, () => {
      const script = completionScript(shell, levels);
      for (const { commands, options } of levels) {
        for (const { text, meaning } of [...commands, ...options]) {
          expect(meaning, text).to.not.equal('');
          const word = text.replace(/^--/, '');
          expect(script).to.match(
            shell === 'zsh' ? new RegExp(`'${text}:\\w`) : new RegExp(`-[al] ${word} -d '\\w`),
          );
        }
      }
    });
  }
});
