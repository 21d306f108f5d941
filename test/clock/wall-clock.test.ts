// The wall clock may be changed at any moment. So it is only shown, stored, and compared with the times of
// other hosts; durations and orders come from the monotonic clock.
import { expect } from 'chai';
import { sourcesBelow } from '#test/architecture/source.js';

const WALL_CLOCK =
  /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|(?![\w$\s(]))|(?<![\w$.])Date\s*\(\s*\)|\btimeOrigin\b/g;
const FILE_TIMES = /\b(?:[amc]time|birthtime)(?:Ms|Ns)?\b/g;

/** The files that read the wall clock, each with the reason. */
const READINGS: Readonly<Record<string, readonly [count: number, why: string]>> = {
  'src/cli/commands/ps.ts': [1, 'shown: how long workers of another process have been there, by its clock'],
  'src/cli/commands/top.ts': [1, 'shown: the same'],
  'src/cli/dev/file-content.ts': [1, 'compared with the time stamp of a file'],
  'src/cluster/worker-thread.ts': [2, 'shown: when a thread was started'],
  'src/db/idempotency-keys.ts': [
    1,
    'stored: whether keys of 30 days may be swept, with an hour between clocks',
  ],
  'src/admin/operator-value.ts': [1, 'shown: when a switch was set'],
  'src/flight-record/flight-record.ts': [1, 'shown: when a process was seen alive last'],
  'src/flight-record/record-file.ts': [1, 'shown: the start of a process in the name of its file'],
  'src/memory/rate/moment.ts': [
    1,
    'beside the monotonic clock, which stops while the machine is suspended: a share ends by the earlier one',
  ],
  'src/memory/metrics/series-cells.ts': [1, 'shown: the time of an exemplar'],
  'src/memory/metrics/totals.ts': [1, 'compared with the time of an exemplar, which is not shown before it'],
  'src/primary/admin-views.ts': [1, 'shown: the time of an overview, and since when something is so'],
  'src/primary/registering.ts': [1, 'shown: when an instance was renewed last'],
  'src/saga/engine.ts': [
    1,
    'stored: times of sagas, beside which leases and pauses are dated by the clock of the database',
  ],
  'src/saga/operator.ts': [1, 'stored: times of sagas'],
  'src/server/certificate.ts': [1, 'compared with the validity of a certificate'],
  'src/server/grpc/rpc-head.ts': [
    1,
    'compared with a deadline that the library has read from the same clock in the same turn',
  ],
  'src/server/response/file-version.ts': [1, 'compared with the time stamp of a file'],
  'src/server/response/small-file-reader.ts': [1, 'compared with the time stamps of a file'],
  'src/server/node/node-date.ts': [1, 'shown: the field Date'],
  'src/server/uws/uws-pending-response.ts': [1, 'shown: the field Date'],
  'src/worker/system-routes.ts': [1, 'shown: the time of /health'],
  'src/telemetry/span-log.ts': [1, 'shown: when a span began'],
  'src/telemetry/logs-export.ts': [1, 'shown: when a log line was exported'],
  'src/telemetry/metrics-export.ts': [2, 'shown: since when totals count, and when they were read'],
  'src/telemetry/log-sink.ts': [1, 'shown: the time of a log line'],
  'src/admin/registry-routes.ts': [1, 'shown: until when an instance is ejected'],
  'src/upstream/call-attempt.ts': [1, 'compared with a date in Retry-After'],
  'src/upstream/in-process-transport.ts': [1, 'shown: the field Date of a response within the process'],
  'src/upstream/transition-log.ts': [1, 'shown: the same, in the log'],
};

const FILE_READINGS: Readonly<Record<string, readonly [count: number, why: string]>> = {
  'src/server/response/file-version.ts': [
    9,
    'the fields ETag and Last-Modified, and whether a file was changed',
  ],
  'src/cli/built-config.ts': [3, 'whether a source is newer than the build'],
  'src/cli/dev/file-content.ts': [7, 'whether a file may have changed since dev has read it'],
};

function readingsIn(code: string, what: RegExp): number {
  return [...code.matchAll(what)].length;
}

function inventory(what: RegExp): Readonly<Record<string, number>> {
  return Object.fromEntries(
    sourcesBelow('src', 'workers')
      .map(({ path, code }) => [path, readingsIn(code, what)] as const)
      .filter(([, count]) => count > 0),
  );
}

const counts = (known: typeof READINGS): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(known).map(([path, [count]]) => [path, count]));

describe('the wall clock', () => {
  it('is read only in the listed files, each for a reason', () => {
    expect(inventory(WALL_CLOCK)).to.deep.equal(counts(READINGS));
  });

  it('of files is read only in the listed files, each for a reason', () => {
    expect(inventory(FILE_TIMES)).to.deep.equal(counts(FILE_READINGS));
  });

  it('is noticed wherever else it is read, in any form', () => {
    for (const code of [
      'const at = Date.now();',
      'const { now = Date.now } = options;',
      'const at = new Date();',
      'const at = +new Date;',
      'const at = Date();',
      'const at = performance.timeOrigin + performance.now();',
    ]) {
      expect(readingsIn(code, WALL_CLOCK), code).to.equal(1);
    }
    for (const code of [
      'new Date(row.created)',
      'performance.now()',
      'toDate()',
      'Date.parse(text)',
      'let d: Date;',
    ]) {
      expect(readingsIn(code, WALL_CLOCK), code).to.equal(0);
    }
    expect(readingsIn('stats.mtimeMs - stats.birthtimeMs', FILE_TIMES)).to.equal(2);
  });
});
