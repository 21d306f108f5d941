// `multilane sagas`: lists and shows sagas, and acts on those that need attention.

import { type Command, Option } from 'commander';
import { errorMessage } from '../../error-text.js';
import { type AdminOptions, adminPlane, withAdmin } from '../admin-plane.js';
import { WrongUsage } from '../command-failure.js';
import { type OutputOptions, print, printJson, tableOf, withJson } from '../output.js';
import { planeToChange } from '../plane-to-change.js';
import type { View } from '../plane-views.js';

type Options = AdminOptions & OutputOptions;

interface SkipOptions extends Options {
  readonly result?: string;
}

interface ListOptions extends Options {
  readonly saga?: string;
  readonly status?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

/** Actions on a saga that waits for an operator. */
const ACTIONS = {
  retry: 'continue a saga from its current step',
  compensate: 'compensate a saga: undo the steps that it has done',
} as const;

const STATUSES = ['running', 'waiting', 'completed', 'compensating', 'compensated', 'needs-attention'];

export function sagasCommand(program: Command): void {
  const sagas = program.command('sagas').description('list sagas, and act on those that need attention');
  withJson(withAdmin(sagas.command('list')))
    .description('list sagas, newest first')
    .option('--saga <name>', 'only those of this definition')
    .addOption(new Option('--status <status>', 'only those in this state').choices(STATUSES))
    .option('--limit <number>', 'at most this many, up to 1000; default: 100')
    .option('--cursor <cursor>', 'the next page of an earlier list')
    .action(list);
  withJson(withAdmin(sagas.command('show <saga-id>')))
    .description('show one saga with its steps')
    .action(async (sagaId: string, options: Options) => {
      await show(await (await adminPlane(options)).get(pathOf(sagaId), 'saga'), options);
    });
  for (const [action, meaning] of Object.entries(ACTIONS)) {
    withJson(withAdmin(sagas.command(`${action} <saga-id>`)))
      .description(meaning)
      .action(async (sagaId: string, options: Options) => {
        await show(await (await planeToChange(options)).post(`${pathOf(sagaId)}/${action}`, 'saga'), options);
      });
  }
  withJson(withAdmin(sagas.command('skip <saga-id>')))
    .description('mark the step at which a saga is stuck as done manually')
    .option('--result <json>', 'result of the step, for the steps that follow')
    .action(async (sagaId: string, options: SkipOptions) => {
      const body = options.result === undefined ? undefined : { result: jsonIn(options.result) };
      await show(await (await planeToChange(options)).post(`${pathOf(sagaId)}/skip`, 'saga', body), options);
    });
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WrongUsage(`--result is no JSON, such as '{"id":1}': ${errorMessage(cause)}`, { cause });
  }
}

const pathOf = (sagaId: string): string => `/sagas/${encodeURIComponent(sagaId)}`;

async function list(options: ListOptions): Promise<void> {
  const query = new URLSearchParams();
  for (const name of ['saga', 'status', 'limit', 'cursor'] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  const page = await (await adminPlane(options)).get(`/sagas?${query.toString()}`, 'sagaPage');
  if (options.json) return printJson(page);
  const rows = page.items.map(({ sagaId, saga, version, status, updatedAt, reason }) => [
    sagaId,
    `${saga} v${version}`,
    status,
    updatedAt,
    reason ?? '-',
  ]);
  const more = page.nextCursor === null ? [] : [`more: --cursor ${page.nextCursor}`];
  return print([...tableOf(['ID', 'SAGA', 'STATUS', 'UPDATED', 'REASON'], rows), ...more]);
}

async function show(saga: View<'saga'>, { json }: OutputOptions): Promise<void> {
  if (json) return printJson(saga);
  const { sagaId, status, reason, error, createdAt, updatedAt, steps } = saga;
  const lines = [
    `${saga.saga} v${saga.version} ${sagaId}`,
    `status   ${status}${reason === null ? '' : ` (${reason})`}`,
    `created  ${createdAt}`,
    `updated  ${updatedAt}`,
    ...(error === null ? [] : [`refusal  ${error.code} in ${error.failedStep}: ${error.message}`]),
  ];
  const rows = steps.map((step) => [
    step.name,
    step.status,
    step.attempts,
    step.finishedAt ?? '-',
    step.error === null ? '-' : `${step.error.code}: ${step.error.message}`,
  ]);
  const table = tableOf(['STEP', 'STATUS', 'ATTEMPTS', 'FINISHED', 'ERROR'], rows);
  return print([...lines, '', ...table]);
}
