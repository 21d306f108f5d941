// What other members have written: only what a member of this version may write is believed.
import { expect } from 'chai';
import { HOT_KEYS } from '#src/memory/layout.js';
import { WHOLE_RATE } from '#src/memory/rate/share.js';
import { type Epoch, MOST_MEMBERS, parseEpoch } from '#src/shares/epoch.js';
import { MOST_CHARACTERS, parseReport, type Report } from '#src/shares/report.js';

const MEMBER = { id: '00000000000000a1', process: 'a', since: 1, seen: 1, beat: 3, active: true };
const EPOCH: Epoch = { number: 1, salt: [1, -2], members: [MEMBER] };
const KEY = '0123456789abcdef';
const REPORT: Report = {
  keys: { [KEY]: { interval: 16_000, burst: 3, demand: 5, isRefused: true } },
  lent: { number: 2, to: { b: { [KEY]: { rate: 1, permits: 0 } } }, before: {} },
  seen: { b: 1 },
};

describe('the text of an epoch', () => {
  it('comes back as it was written', () => {
    expect(parseEpoch(JSON.stringify(EPOCH))).to.deep.equal(EPOCH);
  });

  it('is refused when no member of this version has written it', () => {
    const many = Array.from({ length: MOST_MEMBERS + 1 }, (_, n) => ({
      ...MEMBER,
      id: n.toString(16).padStart(16, '0'),
    }));
    for (const wrong of [
      '',
      '{',
      'null',
      '[]',
      ...[
        { ...EPOCH, number: -1 },
        { ...EPOCH, salt: [1] },
        { ...EPOCH, salt: [1, 'x'] },
        { ...EPOCH, members: {} },
        { ...EPOCH, members: many },
        { ...EPOCH, members: [{ ...MEMBER, id: '' }] },
        { ...EPOCH, members: [{ ...MEMBER, id: 'constructor' }] },
        { ...EPOCH, members: [{ ...MEMBER, active: 1 }] },
        { ...EPOCH, members: [{ ...MEMBER, process: 'x'.repeat(65) }] },
        { ...EPOCH, members: [{ ...MEMBER, beat: 0.5 }] },
        { ...EPOCH, members: [null] },
      ].map((epoch) => JSON.stringify(epoch)),
    ]) {
      expect(() => parseEpoch(wrong), wrong.slice(0, 80)).to.throw('is not one of this version');
    }
  });
});

describe('the report of a member', () => {
  it('comes back as it was written', () => {
    expect(parseReport(JSON.stringify(REPORT))).to.deep.equal(REPORT);
  });

  it('is ignored when no member of this version has written it', () => {
    const many = Object.fromEntries(
      Array.from({ length: HOT_KEYS + 1 }, (_, n) => [n.toString(16).padStart(16, '0'), REPORT.keys[KEY]]),
    );
    const lending = (part: object): object => ({
      ...REPORT,
      lent: { number: 1, to: { b: { [KEY]: part } }, before: {} },
    });
    for (const wrong of [
      ...['', '{', 'null', '[]', `"${'x'.repeat(MOST_CHARACTERS)}"`],
      ...[
        { ...REPORT, keys: many },
        { ...REPORT, keys: { short: REPORT.keys[KEY] } },
        { ...REPORT, keys: { [KEY]: { ...REPORT.keys[KEY], burst: 0 } } },
        { ...REPORT, keys: { [KEY]: { ...REPORT.keys[KEY], interval: 2 ** 31 } } },
        { ...REPORT, keys: { [KEY]: { ...REPORT.keys[KEY], demand: -1 } } },
        { ...REPORT, lent: { number: 'x', to: {}, before: {} } },
        { ...REPORT, lent: { number: 1, to: {} } },
        { ...REPORT, keys: {} },
        lending({ rate: WHOLE_RATE + 1, permits: 0 }),
        lending({ rate: -1, permits: 0 }),
        lending({ rate: 1 }),
        { ...REPORT, seen: { b: 'x' } },
      ].map((report) => JSON.stringify(report)),
    ]) {
      expect(parseReport(wrong), wrong.slice(0, 80)).to.equal(undefined);
    }
  });
});
