// Folders, processes and log lines for tests of the flight record.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimantOf } from '#src/flight-record/claimant.js';
import { contentsText } from '#src/flight-record/contents.js';
import {
  type ReportOptions,
  reportEndedProcesses,
  reportKilledProcesses,
} from '#src/flight-record/killed-process.js';
import { RecordFile } from '#src/flight-record/record-file.js';
import { RecordFolder, type RecordName } from '#src/flight-record/record-folder.js';
import type { Block } from '#src/memory/block.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import type { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { RouteNumbers } from '#src/memory/route-names.js';
import { occupySlot, WorkerRow } from '#src/memory/worker-row.js';
import { type ProcessIdentity, thisProcess } from '#src/process/process-identity.js';

/** A process of this machine that has ended: it had our pid before us. */
export const endedProcess = (): ProcessIdentity => ({ ...thisProcess(), startTime: '1' });
/** A process of which this one cannot know whether it runs. */
export const foreignProcess = (): ProcessIdentity => ({ ...thisProcess(), pidNamespace: 'pid:[1]' });

export interface Logged {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export const collectedLog = () => {
  const lines: Logged[] = [];
  const add = (fields: object, text: string): void => void lines.push({ fields: { ...fields }, text });
  return { lines, log: { warn: add, fatal: add } as unknown as ReportOptions['log'] };
};

/** A data folder for the tests of a `describe` block, a new one for each test. */
export function useDataDir(): () => string {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'multilane-flight-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));
  return () => dataDir;
}

/** A request as `ThreadRequests` writes it; the process was last seen at 10,000. */
export const entry = (id: string, ageMs: number, route = '/hang') => ['GET', route, id, 10_000 - ageMs];

export const threadText = (requests: readonly unknown[], worker = 1): string =>
  JSON.stringify({ worker, generation: 1, leftOut: 0, requests });

/** Contents of a process that was last seen at 10,000 on its shared clock. */
export const contentsOf = (requests: readonly unknown[], isClosed = false): string =>
  contentsText(Date.UTC(2026, 0, 1), 10_000, isClosed, [threadText(requests)]);

/** Leaves a file as a process does that is killed after these writes. */
export async function leave(
  dataDir: string,
  texts: readonly string[],
  owner = endedProcess(),
  now = new Date(),
): Promise<string> {
  const file = await RecordFile.create(await RecordFolder.open(dataDir), now, owner);
  for (const text of texts) await file.write(text);
  await file.close();
  return file.name;
}

/** Does what a start does before it makes its own file. @param signal of a start that is killed meanwhile */
export async function prepare(
  dataDir: string,
  watchMs = 1,
  signal: ReportOptions['signal'] = new AbortController().signal,
): Promise<Logged[]> {
  const { lines, log } = collectedLog();
  const folder = await RecordFolder.open(dataDir);
  const written = async (): Promise<boolean> => true;
  await reportEndedProcesses({ folder, log, watchMs, signal, written });
  return lines;
}

/** Reports as a start does when it has made its own file. */
export async function report(
  dataDir: string,
  watchMs = 1,
  own = '',
  more: Partial<Pick<ReportOptions, 'self' | 'written' | 'log'>> = {},
): Promise<Logged[]> {
  const { lines, log } = collectedLog();
  const folder = await RecordFolder.open(dataDir);
  const written = async (): Promise<boolean> => true;
  const { signal } = new AbortController();
  await reportKilledProcesses({ folder, own, log, watchMs, signal, written, ...more });
  return lines;
}

/** Claims the only unclaimed file of the folder, as a process does that dies right behind it. */
export async function claimAs(dataDir: string, claimant: ProcessIdentity): Promise<RecordName> {
  const folder = await RecordFolder.open(dataDir);
  const record = (await folder.files()).find(({ kind }) => kind === 'flight');
  return (await folder.claim(record!, claimantOf(claimant)))!;
}

export const idsOf = (lines: readonly Logged[]): unknown[] =>
  lines.flatMap(({ fields }) => ('requestId' in fields ? [fields.requestId] : []));

/** A worker that begins and ends requests, as request-meters.ts does. */
export class FakeWorker {
  readonly #recorder: FlightRecorder;
  readonly #routes: RouteNumbers;
  readonly #row: WorkerRow;
  #inFlight = 0;
  #ended = 0;

  constructor(block: Block, series: SeriesMemory, slot: number, worker = slot, generation = 1) {
    this.#recorder = new FlightRecorder(block, slot);
    this.#routes = new RouteNumbers(new SeriesStore(series.of(slot)));
    this.#row = new WorkerRow(block, slot);
    occupySlot(block, slot, worker, generation);
  }

  begin(template: string, at: number, id: string): () => void {
    const flight = this.#recorder.begin(this.#routes.of({ method: 'GET', template }), at, id);
    this.#row.began(++this.#inFlight);
    return () => {
      this.#recorder.end(flight, 200, 1);
      this.#row.ended(--this.#inFlight, ++this.#ended);
    };
  }
}
