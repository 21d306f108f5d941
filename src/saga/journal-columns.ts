// Turns writes, holds and definitions into the array parameters of the journal's statements: one array for
// each column, in the order in which the statement names them. JSON is encoded once, when a write is queued,
// because its length decides how many writes go into one statement.
import type { DefinitionKey, Hold, SagaRecord } from './journal.js';

/** The write of one saga within a batch. */
export interface Write {
  /** Undefined for a new saga. */
  readonly hold: Hold | undefined;
  readonly record: SagaRecord;
  /** The steps that have changed since the last write; only these are written. */
  readonly positions: readonly number[];
  /** Null renews the lease; a number releases the saga, which may be claimed after that time. */
  readonly releaseForMs: number | null;
  /** Larger with every write of this worker, so a write that arrives after a later one has no effect. */
  readonly number: number;
  readonly texts: WriteTexts;
}

/** The JSON of a write's values; an empty text means no value. */
interface WriteTexts {
  readonly input: string;
  readonly failure: string;
  /** The result of each step, in the order of `positions`. */
  readonly results: readonly string[];
}

export function writeOf(given: Omit<Write, 'texts'>): Write {
  const { hold, record, positions } = given;
  return {
    ...given,
    texts: {
      input: hold === undefined ? JSON.stringify(record.input) : '',
      failure: textOf(record.failure ?? undefined),
      results: positions.map((position) => textOf(record.steps[position]!.result)),
    },
  };
}

/** Characters of the write's values; the other columns add a few hundred. */
export function lengthOf({ texts }: Write): number {
  return texts.results.reduce((sum, { length }) => sum + length, texts.input.length);
}

const textOf = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

/** The fence of a saga that has just been started. */
export const FIRST_FENCE = 1;

/**
 * JSON texts as one parameter, which VALUES in journal-sql-parts.ts reads: for each row an array of one
 * value, or of none for an empty text.
 */
const valuesOf = (texts: readonly string[]): string => `[${texts.map((text) => `[${text}]`).join()}]`;

export function holdColumns(holds: readonly Hold[]): unknown[] {
  return [holds.map(({ sagaId }) => sagaId), holds.map(({ fence }) => fence)];
}

export function keyColumns(known: readonly DefinitionKey[]): unknown[] {
  return [
    known.map(({ saga }) => saga),
    known.map(({ version }) => version),
    known.map(({ steps }) => steps.join()),
  ];
}

export function startColumns(starts: readonly Write[]): unknown[] {
  const records = starts.map(({ record }) => record);
  return [
    records.map(({ sagaId }) => sagaId),
    records.map(({ saga }) => saga),
    records.map(({ version }) => version),
    records.map(({ steps }) => `{${steps.map(({ name }) => `"${name}"`).join(',')}}`),
    records.map(({ status }) => status),
    valuesOf(starts.map(({ texts }) => texts.input)),
    records.map(({ idempotencyKey }) => idempotencyKey),
    records.map(({ fingerprint }) => fingerprint),
    records.map(({ traceparent }) => traceparent),
    records.map(({ tracestate }) => tracestate),
    records.map(({ createdAt }) => createdAt),
  ];
}

export function changeColumns(changes: readonly Write[]): unknown[] {
  return [
    changes.map(({ record }) => record.sagaId),
    changes.map(({ hold }) => hold!.fence),
    changes.map(({ record }) => record.status),
    valuesOf(changes.map(({ texts }) => texts.failure)),
    changes.map(({ record }) => record.reason),
    changes.map(({ releaseForMs }) => releaseForMs),
    changes.map(({ record }) => record.updatedAt),
    changes.map(({ number }) => number),
  ];
}

export function stepColumns(writes: readonly Write[]): unknown[] {
  const touched = writes.flatMap(({ hold, record, positions, texts }) =>
    positions.map((position, at) => ({
      sagaId: record.sagaId,
      fence: hold?.fence ?? FIRST_FENCE,
      position,
      step: record.steps[position]!,
      result: texts.results[at]!,
    })),
  );
  return [
    touched.map(({ sagaId }) => sagaId),
    touched.map(({ position }) => position),
    touched.map(({ step }) => step.name),
    touched.map(({ step }) => step.status),
    touched.map(({ step }) => step.attempts),
    valuesOf(touched.map(({ result }) => result)),
    valuesOf(touched.map(({ step }) => textOf(step.error ?? undefined))),
    touched.map(({ step }) => step.startedAt),
    touched.map(({ step }) => step.finishedAt),
    touched.map(({ step }) => step.undoAttempts),
    touched.map(({ step }) => step.undoSince),
    touched.map(({ step }) => step.undoUnended),
    touched.map(({ fence }) => fence),
  ];
}
