// Records as columns: what the set-based statements of journal-sql.ts take, one array a column, in its order.
// JSON is written once, when it is to be kept: how long it is decides how much goes into one statement.
import type { DefinitionKey, Hold, SagaRecord } from './journal.js';

/** One saga's part of a batch. */
export interface Write {
  /** Undefined: a new saga. */
  readonly hold: Hold | undefined;
  readonly record: SagaRecord;
  readonly positions: readonly number[];
  readonly releaseForMs: number | null;
  /** Larger than that of every earlier one. */
  readonly number: number;
  readonly texts: WriteTexts;
}

/** JSON of what a write brings. Empty: none. */
interface WriteTexts {
  readonly input: string;
  readonly failure: string;
  /** By position. */
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

/** Characters that grow with what the write brings; the rest is a few hundred. */
export function lengthOf({ texts }: Write): number {
  return texts.results.reduce((sum, { length }) => sum + length, texts.input.length);
}

const textOf = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

/** Of a saga that has just been started. */
export const FIRST_FENCE = 1;

/** See VALUES in journal-sql.ts. */
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

export function moveColumns(moves: readonly Write[]): unknown[] {
  return [
    moves.map(({ record }) => record.sagaId),
    moves.map(({ hold }) => hold!.fence),
    moves.map(({ record }) => record.status),
    valuesOf(moves.map(({ texts }) => texts.failure)),
    moves.map(({ record }) => record.reason),
    moves.map(({ releaseForMs }) => releaseForMs),
    moves.map(({ record }) => record.updatedAt),
    moves.map(({ number }) => number),
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
