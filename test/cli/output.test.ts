import { expect } from 'chai';
import { tableOf } from '#src/cli/output.js';
import { durationOf } from '#src/cli/worker-table.js';

describe('what commands print', () => {
  it('is a table with numbers to the right and nothing at the end of a line', () => {
    const table = tableOf(
      ['ID', 'N', 'NOTE'],
      [
        ['a', 10, '-'],
        ['bcd', 9, 'x'],
      ],
    );
    expect(table).to.equal('ID    N  NOTE\na    10  -\nbcd   9  x\n');
  });

  it('is the head alone when there is nothing to list', () => {
    expect(tableOf(['ID', 'NOTE'], [])).to.equal('ID  NOTE\n');
  });

  it('lets no text from elsewhere reach the terminal as a command', () => {
    expect(tableOf(['A'], [['\x1b[2Jgone\n']])).to.equal('A\n?[2Jgone?\n');
  });

  for (const [ms, text] of [
    [-5, '0s'],
    [999, '0s'],
    [12_000, '12s'],
    [300_000, '5m 0s'],
    [3_600_000, '1h 0m'],
    [273_600_000, '3d 4h'],
  ] as const) {
    it(`shows ${ms} ms as ${text}`, () => expect(durationOf(ms)).to.equal(text));
  }
});
