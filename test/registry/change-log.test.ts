import { expect } from 'chai';
import fc from 'fast-check';
import { ChangeLog } from '#src/registry/change-log.js';

const changesSince = (log: ChangeLog<number>, revision: string) =>
  log.since(revision)?.map(({ change }) => change);

describe('the change log', () => {
  it('returns all changes after a revision, in order', () => {
    const log = new ChangeLog<number>('p');
    const start = log.revision;
    log.append(1);
    const middle = log.revision;
    log.append(2);
    log.append(3);
    expect(changesSince(log, start)).to.deep.equal([1, 2, 3]);
    expect(changesSince(log, middle)).to.deep.equal([2, 3]);
    expect(changesSince(log, log.revision)).to.deep.equal([]);
  });

  it('does not accept revisions of another process, of the future, or other text', () => {
    const log = new ChangeLog<number>('p');
    log.append(1);
    const unknown = [
      'q-1',
      'p-2',
      'p',
      'p-',
      'p-1-1',
      'p--1',
      'p-1.0',
      'p-01',
      'p-1e0',
      ' p-1',
      'p-1 ',
      '',
      '-',
      'p-9007199254740993',
    ];
    for (const revision of unknown) expect(log.since(revision), revision).to.equal(undefined);
  });

  it('returns exactly the changes after a revision, or undefined when it is too old, for any number of changes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(30), (capacity, count) => {
        const log = new ChangeLog<number>('p', capacity);
        const revisions = [log.revision];
        for (let change = 1; change <= count; change++) {
          log.append(change);
          revisions.push(log.revision);
        }
        for (const [from, revision] of revisions.entries()) {
          const expected = Array.from({ length: count - from }, (_, index) => from + 1 + index);
          expect(changesSince(log, revision)).to.deep.equal(count - from > capacity ? undefined : expected);
        }
      }),
    );
  });

  it('notifies listeners until they stop', () => {
    const log = new ChangeLog<number>('p');
    const heard: string[] = [];
    const stop = log.listen(({ revision, change }) => heard.push(`${revision}:${change}`));
    log.append(7);
    stop();
    log.append(8);
    expect(heard).to.deep.equal(['p-1:7']);
  });
});
