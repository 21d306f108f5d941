import { expect } from 'chai';
import fc from 'fast-check';
import { screenOf, tableOf } from '#src/cli/output.js';
import { fitted, plain, plainJson, widthOf } from '#src/cli/terminal-text.js';
import { durationOf } from '#src/cli/worker-table.js';

const STEERING = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;
const UNSEEN = [
  '\u{e0100}',
  '\u{e0041}',
  '\ufe0f',
  '\u200b',
  '\u3164',
  '\u115f',
  '\u034f',
  '\u180b',
  '\u2800',
];

describe('the output of commands', () => {
  it('is a table with numbers aligned to the right and no trailing blanks', () => {
    const table = tableOf(
      ['ID', 'N', 'NOTE'],
      [
        ['a', 10, '-'],
        ['bcd', 9, 'x'],
      ],
    );
    expect(table).to.deep.equal(['ID    N  NOTE', 'a    10  -', 'bcd   9  x']);
  });

  it('is only the header row when there are no rows', () => {
    expect(tableOf(['ID', 'NOTE'], [])).to.deep.equal(['ID  NOTE']);
  });

  it('contains no control sequences from text of other processes', () => {
    expect(tableOf(['A'], [['\x1b[2Jgone\n']])).to.deep.equal(['A', '?[2Jgone?']);
    const any = fc.string({
      unit: fc.oneof(fc.nat(0x2fff), fc.nat(0x10ffff)).map((code) => String.fromCodePoint(code)),
    });
    fc.assert(
      fc.property(any, (text) => {
        expect(plain(text)).to.not.match(STEERING);
        const json = plainJson(JSON.stringify({ [text]: text }, undefined, 2));
        expect(json.replaceAll('\n', '')).to.not.match(STEERING);
        expect(JSON.parse(json)).to.deep.equal({ [text]: text });
      }),
    );
  });

  it('contains no characters that people do not see', () => {
    for (const one of UNSEEN) {
      expect(plain(`a${one}b`), one.codePointAt(0)!.toString(16)).to.equal('a?b');
      const json = plainJson(JSON.stringify([one]));
      expect(json).to.match(/^[ -~]*$/);
      expect(JSON.parse(json)).to.deep.equal([one]);
    }
  });

  it('has aligned columns with characters of two columns or none', () => {
    const table = tableOf(
      ['A', 'B'],
      [
        ['日本', 1],
        ['e\u0301', 2],
        ['🚀a', 3],
      ],
    );
    expect(table).to.deep.equal(['A     B', '日本  1', 'e\u0301     2', '🚀a   3']);
  });

  it('fits the screen, whatever the text and the size of the screen', () => {
    const line = fc.string({ unit: fc.constantFrom('a', ' ', '日', '🚀', 'e\u0301', '\x1b', '\u202e', '…') });
    fc.assert(
      fc.property(
        fc.array(line),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (lines, columns, rows) => {
          const screen = screenOf(lines, columns, rows);
          expect(screen).to.have.length(Math.min(lines.length, rows));
          for (const [at, shown] of screen.entries()) {
            expect(widthOf(shown)).to.be.at.most(columns);
            const isWhole = at < rows - 1 || lines.length <= rows;
            if (isWhole && widthOf(plain(lines[at]!)) <= columns) expect(shown).to.equal(plain(lines[at]!));
          }
        },
      ),
    );
    expect(screenOf(['a', 'b', 'c'], 20, 2)).to.deep.equal(['a', '… 2 more lines']);
    expect(fitted('日本語', 5)).to.equal('日本…');
  });

  for (const [ms, text] of [
    [Number.NaN, '-'],
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
