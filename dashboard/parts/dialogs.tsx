// The dialog of the question that is open, and the report about the last action.
import { useEffect, useRef, useState } from 'preact/hooks';
import { type OpenQuestion, type QuestionField, question, report } from '../core/ask.js';
import { plain } from '../core/format.js';
import { useSignal } from '../core/signal.js';

/** The browser keeps the focus inside a modal dialog, closes it on Escape and returns the focus. */
export function QuestionDialog() {
  const open = useSignal(question);
  return open === null ? null : <Asking key={open.title} open={open} />;
}

function Asking({ open }: { open: OpenQuestion }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { title, text, confirm, isDangerous = false, fields = [] } = open;
  const [values, setValues] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(fields.map(({ name, initial = '' }) => [name, initial])),
  );
  const [tried, setTried] = useState(false);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const faults = new Map(
    fields.flatMap(({ name, check }) => {
      const fault = check?.(values[name] ?? '');
      return fault === undefined ? [] : [[name, fault] as const];
    }),
  );
  const submit = (event: Event): void => {
    event.preventDefault();
    setTried(true);
    if (faults.size === 0) open.reply(values);
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="question-title" onClose={() => open.reply(null)}>
      <form method="dialog" onSubmit={submit}>
        <h2 id="question-title">{plain(title)}</h2>
        <p>{plain(text)}</p>
        {fields.map((field) => (
          <Field
            key={field.name}
            field={field}
            value={values[field.name] ?? ''}
            change={(value) => setValues({ ...values, [field.name]: value })}
            fault={tried ? faults.get(field.name) : undefined}
          />
        ))}
        <div class="dialog-actions">
          <button type="button" onClick={() => open.reply(null)}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface FieldProps {
  readonly field: QuestionField;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly fault: string | undefined;
}

function Field({ field: { name, label, hint, isLong = false, options }, value, change, fault }: FieldProps) {
  const id = `field-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {options !== undefined ? (
        <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
          {options.map((one) => (
            <option key={one} value={one} selected={one === value}>
              {one}
            </option>
          ))}
        </select>
      ) : isLong ? (
        <textarea
          id={id}
          rows={4}
          class="mono"
          spellcheck={false}
          value={value}
          onInput={(event) => change(event.currentTarget.value)}
        />
      ) : (
        <input
          id={id}
          value={value}
          autoComplete="off"
          onInput={(event) => change(event.currentTarget.value)}
        />
      )}
      {hint === undefined ? null : <small class="quiet">{hint}</small>}
      {fault === undefined ? null : <small class="fault">{fault}</small>}
    </div>
  );
}

const SHOWN_MS = 8_000;

export function ReportLine() {
  const shown = useSignal(report);
  useEffect(() => {
    if (shown === null || shown.isFailure) return undefined;
    const timer = setTimeout(() => {
      report.value = null;
    }, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  return (
    <div class="report-place" role="status" aria-live="polite">
      {shown === null ? null : (
        <p class={shown.isFailure ? 'report tone-bad' : 'report tone-good'}>
          <span>{plain(shown.text)}</span>
          <button
            type="button"
            class="plain"
            aria-label="Close the report"
            onClick={() => {
              report.value = null;
            }}
          >
            ✕
          </button>
        </p>
      )}
    </div>
  );
}
