// The actions of an operator on one saga. Each is a row here; the page shows those that its status permits.
import { command } from '../core/api.js';
import { act, ask, type QuestionField } from '../core/ask.js';
import type { SagaView } from '../core/types.js';

export interface SagaAction {
  /** The last part of the path of its request. */
  readonly name: string;
  readonly title: string;
  readonly effect: string;
  readonly done: string;
  readonly isDangerous?: boolean;
  readonly fields?: readonly QuestionField[];
  readonly bodyOf?: (values: Readonly<Record<string, string>>) => unknown;
  readonly fits: (saga: SagaView) => boolean;
}

const hasEnded = ({ status }: SagaView): boolean => status === 'completed' || status === 'compensated';
const isStuck = (saga: SagaView): boolean => saga.status === 'needs-attention' || saga.status === 'waiting';

function checkJson(text: string): string | undefined {
  if (text.trim() === '') return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `This is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export const SAGA_ACTIONS: readonly SagaAction[] = [
  {
    name: 'retry',
    title: 'Retry',
    effect: 'The step at which the saga is stuck is tried again, with new attempts.',
    done: 'The saga continues within seconds.',
    fits: isStuck,
  },
  {
    name: 'compensate',
    title: 'Compensate',
    effect: 'What the saga has done is undone, in reverse. It does not go forward any more.',
    done: 'The saga compensates within seconds.',
    isDangerous: true,
    fits: (saga) => !hasEnded(saga) && saga.status !== 'compensating',
  },
  {
    name: 'skip',
    title: 'Skip the step',
    effect: 'The step at which the saga is stuck counts as done, and the saga goes on behind it.',
    done: 'The step counts as done.',
    isDangerous: true,
    fields: [
      {
        name: 'result',
        label: 'Result of the step, as JSON',
        isLong: true,
        hint: 'Later steps get it. Leave it empty for a compensation, which has no result.',
        check: checkJson,
      },
    ],
    bodyOf: ({ result = '' }) => (result.trim() === '' ? {} : { result: JSON.parse(result) as unknown }),
    fits: isStuck,
  },
];

export async function runAction(saga: SagaView, action: SagaAction): Promise<void> {
  const values = await ask({
    title: `${action.title}: ${saga.saga}?`,
    text: action.effect,
    confirm: action.title,
    ...(action.isDangerous === undefined ? {} : { isDangerous: action.isDangerous }),
    ...(action.fields === undefined ? {} : { fields: action.fields }),
  });
  if (values === null) return;
  const path = `/sagas/${encodeURIComponent(saga.sagaId)}/${action.name}`;
  await act(action.done, () => command('POST', path, action.bodyOf?.(values)));
}
