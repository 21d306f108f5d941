// What the primary reads from the ports of threads, in which code of services runs.
import { expect } from 'chai';
import { readLeftoverUse, readTaskResult, readToPool } from '#src/cpu/cpu-messages.js';
import { unpackFailure } from '#src/cpu/task-failure.js';

const run = {
  type: 'run',
  id: 1,
  module: 'file:///tasks.js',
  task: 't',
  service: 's',
  caller: undefined,
  priority: 'normal',
  remainingMs: 1,
};

describe('a message of a thread', () => {
  const shared = new ArrayBuffer(1);
  const wrong: Readonly<Record<string, unknown>> = {
    'one hole': new Array(1),
    'more holes than an array can be spread over': new Array(2 ** 32 - 1),
    'a hole after a buffer': Object.assign(new Array(3), { 0: new ArrayBuffer(1) }),
    'a buffer twice': [shared, shared],
    'what is no buffer': [1],
    'no list': { length: 0 },
  };
  for (const [name, moved] of Object.entries(wrong)) {
    it(`is no result and no task with a list of buffers that has ${name}`, () => {
      const packed = { data: new Uint8Array(1), moved };
      expect(readTaskResult({ kind: 'value', ...packed })).to.equal(undefined);
      expect(readToPool({ ...run, input: packed })).to.equal(undefined);
    });
  }

  it('names no number as the last task of its thread that is none, and no time that is none', () => {
    const packed = { kind: 'value', data: new Uint8Array(1), moved: [] };
    for (const mark of [{ toString: 1, valueOf: 1 }, '1', undefined])
      expect(readTaskResult({ ...packed, last: { because: 'load', mark } })?.last).to.equal(undefined);
    for (const ms of [Number.POSITIVE_INFINITY, Number.NaN, -1, '1'])
      expect(readLeftoverUse({ type: 'leftover-use', mark: 1, ms })).to.equal(undefined);
    expect(unpackFailure(new Uint8Array([1, 2, 3])).message).to.include('cannot be read');
  });

  it('is a result, or a task, with a list of buffers', () => {
    const packed = { data: new Uint8Array(1), moved: [new ArrayBuffer(1), new ArrayBuffer(1)] };
    expect(readTaskResult({ kind: 'value', ...packed })).to.include({ kind: 'value' });
    expect(readToPool({ ...run, input: packed })).to.include({ type: 'run' });
  });
});
