// Questions before an action, and the report after it.
import { ApiError } from './api.js';
import { Signal } from './signal.js';

export interface QuestionField {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly isLong?: boolean;
  /** The only values that the field can have. */
  readonly options?: readonly string[];
  /** The value with which the field begins. */
  readonly initial?: string;
  /** @returns what is wrong; undefined when nothing is */
  readonly check?: (text: string) => string | undefined;
}

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly isDangerous?: boolean;
  readonly fields?: readonly QuestionField[];
}

export interface OpenQuestion extends Question {
  readonly reply: (values: Readonly<Record<string, string>> | null) => void;
}

export interface Report {
  readonly text: string;
  readonly isFailure: boolean;
}

export const question = new Signal<OpenQuestion | null>(null);
export const report = new Signal<Report | null>(null);

/** The most characters of a reason that the admin plane takes. */
const MOST_REASON = 200;

/** Asks for the reason of a change. */
export const REASON: QuestionField = {
  name: 'reason',
  label: 'Reason (optional)',
  hint: 'It stands in the log, in the line of this action.',
  check: (text) => (text.length > MOST_REASON ? `At most ${MOST_REASON} characters.` : undefined),
};

/** The member of a body that has the reason, if one was given. */
export function reasonIn({ reason = '' }: Readonly<Record<string, string>>): { readonly reason?: string } {
  return reason.trim() === '' ? {} : { reason: reason.trim() };
}

/** Resolves with the values of the fields; null when the operator cancels. */
export function ask(asked: Question): Promise<Readonly<Record<string, string>> | null> {
  question.value?.reply(null);
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      reply: (values) => {
        question.value = null;
        resolve(values);
      },
    };
  });
}

/** Runs an action, and reports its end. @param done what was done, in words */
export async function act(done: string, action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    report.value = { text: done, isFailure: false };
    return true;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const code = error instanceof ApiError && error.status !== 0 ? ` (${error.code})` : '';
    const isUnknown = error instanceof ApiError && error.code === 'TIMEOUT';
    const begin = isUnknown ? 'It is not known whether this was done' : 'Not done';
    report.value = { text: `${begin}: ${text}${code}`, isFailure: true };
    return false;
  }
}
