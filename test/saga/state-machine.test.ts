import { expect } from 'chai';
import { COMPENSATE_FOR_MS } from '#src/saga/compensation-time.js';
import { type AnyDefinition, planOf } from '#src/saga/definition.js';
import { pauseAfterLostRunner } from '#src/saga/interrupted.js';
import { intervene } from '#src/saga/intervene.js';
import type { SagaRecord } from '#src/saga/journal.js';
import type { SagaStatus, StepStatus } from '#src/saga/saga.js';
import { settle } from '#src/saga/settle.js';
import { advance, type Effect, MAX_UNENDED_UNDOS, type StepOutcome } from '#src/saga/state-machine.js';
import { undoPause } from '#src/saga/step-pauses.js';
import { sagaRecord } from '#test/conformance/journal-records.js';

const nothing = (): undefined => undefined;
const plan = planOf({
  name: 'transfer',
  version: 1,
  steps: [
    { name: 'debit', run: nothing, compensate: nothing, retry: { attempts: 2, backoffMs: 100 } },
    {
      name: 'credit',
      run: nothing,
      resolve: async () => ({ notDone: true }),
      compensate: nothing,
      retry: { attempts: 2, backoffMs: 100 },
    },
    { name: 'null', run: nothing },
  ],
} as AnyDefinition);

const ok: StepOutcome = { kind: 'ok', result: 1 };
const notDone: StepOutcome = { kind: 'not-done' };
const error = { code: 'X', message: 'x' };
const refused: StepOutcome = { kind: 'refused', error };
const unknown: StepOutcome = { kind: 'unknown', error };

interface Walk {
  readonly actions: string[];
  readonly pauses: number[];
  readonly record: SagaRecord;
}

/** Applies outcomes in order. `random` returns 1, so every pause is its upper bound. */
function walk(outcomes: readonly StepOutcome[], from: SagaRecord = sagaRecord(), minutesEach = 0): Walk {
  let record = from;
  let now = 0;
  const actions: string[] = [];
  const pauses: number[] = [];
  for (const outcome of [...outcomes, undefined]) {
    const next = advance(record, plan, now);
    record = next.record;
    actions.push(label(next.action));
    if (outcome === undefined || next.action.kind === 'ended') break;
    now += minutesEach * 60_000;
    const settled = settle(record, plan, next.action, outcome, now, () => 1);
    record = settled.record;
    pauses.push(settled.pauseMs);
  }
  return { actions, pauses, record };
}

/** The record as if it had been written later. */
const shifted = ({ updatedAt, steps }: SagaRecord, ms: number): Pick<SagaRecord, 'updatedAt' | 'steps'> => ({
  updatedAt: updatedAt + ms,
  steps: steps.map((step) => ({
    ...step,
    undoSince: step.undoSince === null ? null : step.undoSince + ms,
  })),
});

const label = (action: Effect | { kind: 'ended' }): string =>
  action.kind === 'ended' ? 'ended' : `${action.kind} ${action.position}`;
const statuses = ({ steps }: SagaRecord): StepStatus[] => steps.map(({ status }) => status);

describe('the rules of a saga', () => {
  it('run the steps in order and complete', () => {
    const { actions, record } = walk([ok, ok, ok]);
    expect(actions).to.deep.equal(['run 0', 'run 1', 'run 2', 'ended']);
    expect(record.status).to.equal('completed' satisfies SagaStatus);
    expect(record.steps.map(({ result }) => result)).to.deep.equal([1, 1, 1]);
  });

  it('record a step as running, with its attempt, before it runs', () => {
    const { record } = walk([]);
    expect(record.steps[0]).to.include({ status: 'running', attempts: 1 });
  });

  it('compensate after a refusal, last step first, without the refused step', () => {
    const { actions, record } = walk([ok, refused, ok]);
    expect(actions).to.deep.equal(['run 0', 'run 1', 'undo 0', 'ended']);
    expect(record.status).to.equal('compensated');
    expect(record.failure).to.deep.equal({ ...error, failedStep: 'credit' });
    expect(statuses(record)).to.deep.equal(['compensated', 'failed', 'pending']);
  });

  it('undo a step that is refused after an attempt of unknown outcome', () => {
    const { actions, record } = walk([unknown, refused, ok]);
    expect(actions).to.deep.equal(['run 0', 'run 0', 'undo 0', 'ended']);
    expect(record.status).to.equal('compensated');
    expect(record.failure).to.deep.equal({ ...error, failedStep: 'debit' });
    const lost = walk([]).record;
    expect(walk([refused, ok], lost).actions, 'lost with its process').to.deep.equal([
      'run 0',
      'undo 0',
      'ended',
    ]);
  });

  it('resolve no more often than there are attempts, whatever dies meanwhile, with a pause before each', () => {
    let record = walk([ok]).record;
    const actions: string[] = [];
    for (let lives = 0; lives < 10 && record.failure === null; lives++) {
      const pauseMs = pauseAfterLostRunner(record, plan, { now: () => record.updatedAt, random: () => 1 });
      const next = advance(record, plan, 0);
      actions.push(`${label(next.action)} behind ${pauseMs}`);
      record = next.record;
    }
    expect(actions).to.deep.equal(['resolve 1 behind 100', 'resolve 1 behind 200', 'undo 1 behind 400']);
  });

  it('count no attempt for a successful `resolve`', () => {
    const asked = walk([ok, unknown, notDone]).record;
    expect(asked.steps[1]).to.include({ status: 'running', attempts: 2 });
    expect(walk([ok, unknown, ok]).record.steps[1]).to.include({ status: 'completed', attempts: 1 });
  });

  it('undo a step that is refused after an unfinished attempt, which may still take effect', () => {
    const { actions, record } = walk([ok, unknown, notDone, refused, ok, ok]);
    expect(actions.slice(3)).to.deep.equal(['run 1', 'undo 1', 'undo 0', 'ended']);
    expect(statuses(record)).to.deep.equal(['compensated', 'compensated', 'pending']);
  });

  it('do not undo a step that was refused at its first attempt', () => {
    const { actions, record } = walk([ok, refused, ok]);
    expect(actions.slice(2)).to.deep.equal(['undo 0', 'ended']);
    expect(statuses(record)).to.deep.equal(['compensated', 'failed', 'pending']);
  });

  it('begin at once a compensation that an operator retries', () => {
    const { record } = walk([ok, refused]);
    const stuck = record.steps.with(0, { ...record.steps[0]!, status: 'failed', undoAttempts: 9 });
    const again = intervene({ kind: 'retry' }, { ...record, steps: stuck })!;
    expect(pauseAfterLostRunner(again, plan, { now: () => again.updatedAt, random: () => 1 })).to.equal(0);
  });

  it('pause a little between two attempts of a compensation, whatever its rule', () => {
    const rule = { attempts: 1e9, backoffMs: 0, maxBackoffMs: 0 };
    for (const failures of [1, 2, 1000]) expect(undoPause(rule, failures, () => 0)).to.be.at.least(5);
  });

  it('pause at least half of the bound of the rule, whatever the random draw', () => {
    const { record } = walk([]);
    const unluckiest = settle(record, plan, { kind: 'run', position: 0, attempt: 1 }, unknown, 0, () => 0);
    expect(unluckiest.pauseMs).to.equal(50);
  });

  it('pause no longer than that after a lost runner, though the clock of its host was ahead', () => {
    const { record } = walk([]);
    const ahead = { ...record, updatedAt: 3_600_000 };
    expect(pauseAfterLostRunner(ahead, plan, { now: () => 0, random: () => 1 })).to.equal(100);
  });

  it('retry an unknown outcome with growing pauses, then undo that step too', () => {
    const { actions, pauses, record } = walk([unknown, unknown, ok]);
    expect(actions).to.deep.equal(['run 0', 'run 0', 'undo 0', 'ended']);
    expect(pauses).to.deep.equal([100, 0, 0]);
    expect(record.failure?.failedStep).to.equal('debit');
    expect(record.steps[0]?.result).to.equal(undefined);
  });

  it('resolve a step of unknown outcome before running it again', () => {
    expect(walk([ok, unknown, ok, ok]).actions).to.deep.equal([
      'run 0',
      'run 1',
      'resolve 1',
      'run 2',
      'ended',
    ]);
    expect(walk([ok, unknown, notDone, ok]).actions.slice(1)).to.deep.equal([
      'run 1',
      'resolve 1',
      'run 1',
      'run 2',
    ]);
  });

  it('resolve once more after the last attempt, and compensate when it is not done', () => {
    const { actions, record } = walk([ok, unknown, notDone, unknown, notDone, ok, ok]);
    expect(actions.slice(3)).to.deep.equal(['run 1', 'resolve 1', 'undo 1', 'undo 0', 'ended']);
    expect(record.status).to.equal('compensated');
  });

  it('end also when `resolve` never returns a result', () => {
    const { actions } = walk([ok, unknown, unknown, unknown, ok, ok]);
    expect(actions.slice(1)).to.deep.equal(['run 1', 'resolve 1', 'resolve 1', 'undo 1', 'undo 0', 'ended']);
  });

  it('treat a step that was running at a crash as unknown', () => {
    const crashed = walk([ok]).record;
    expect(statuses(crashed)).to.deep.equal(['completed', 'running', 'pending']);
    expect(walk([], crashed).actions).to.deep.equal(['resolve 1']);
    const first = walk([]).record;
    const again = walk([], first);
    expect(again.actions).to.deep.equal(['run 0']);
    expect(again.record.steps[0]?.attempts).to.equal(2);
    const worn = walk([ok], again.record);
    expect(walk([], again.record).actions, 'both attempts were lost').to.deep.equal(['undo 0']);
    expect(worn.record.failure).to.deep.include({ code: 'OUTCOME_UNKNOWN', failedStep: 'debit' });
  });

  it('do not undo a step without a compensation', () => {
    const all = walk([ok, ok, ok]).record;
    const { actions } = walk([ok, ok], { ...all, failure: { ...error, failedStep: 'null' } });
    expect(actions).to.deep.equal(['undo 1', 'undo 0', 'ended']);
  });

  it('retry compensations for 24 hours, whatever they throw, then continue with the other steps', () => {
    const outcomes = [
      ok,
      unknown,
      notDone,
      unknown,
      notDone,
      ...Array<StepOutcome>(24 * 60).fill(refused),
      ok,
    ];
    const { actions, record } = walk(outcomes, sagaRecord(), 1);
    expect(actions.filter((action) => action === 'undo 1')).to.have.length(24 * 60);
    expect(actions.slice(-2)).to.deep.equal(['undo 0', 'ended']);
    expect(record).to.include({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' });
    expect(statuses(record)).to.deep.equal(['compensated', 'failed', 'pending']);
    expect(24 * 60 * 60_000).to.equal(COMPENSATE_FOR_MS);
  });

  it('count only the time of these 24 hours in which a process has tried', () => {
    const tried = walk([ok, ...Array<StepOutcome>(3).fill(refused)]).record;
    for (const setMs of [60 * 60 * 60_000, -2 * 60 * 60_000]) {
      // The record is the same, but the clock shows another time: a weekend has passed, or it was set.
      const record = { ...tried, ...shifted(tried, -setMs) };
      const tries = (minutes: number): SagaRecord['steps'] =>
        walk(Array<StepOutcome>(minutes).fill(unknown), record, 1).record.steps;
      expect(tries(24 * 60 - 5)[0], `${setMs} ms later`).to.include({ status: 'compensating' });
      expect(tries(24 * 60 + 5)[0]).to.include({ status: 'failed' });
    }
  });

  it('give up a compensation whose end stayed unknown again and again, and continue with the other steps', () => {
    let { record } = walk([ok, refused]);
    for (let lost = 1; lost < MAX_UNENDED_UNDOS; lost++) ({ record } = walk([], record));
    expect(record.steps[0]).to.include({ status: 'compensating', undoAttempts: MAX_UNENDED_UNDOS });
    const { actions, record: end } = walk([ok], record);
    expect(actions).to.deep.equal(['ended']);
    expect(end).to.include({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' });
    expect(end.steps[0]).to.deep.include({ status: 'failed', undoAttempts: MAX_UNENDED_UNDOS });
    expect(end.steps[0]?.error?.code).to.equal('ATTEMPTS_LOST');
  });

  it('count only losses in a row, since an attempt with a known end has not crashed the process', () => {
    let { record } = walk([ok, refused]);
    for (let attempt = 1; attempt < 3 * MAX_UNENDED_UNDOS; attempt++) {
      ({ record } = walk(attempt % (MAX_UNENDED_UNDOS - 1) === 0 ? [unknown] : [], record));
    }
    expect(record.status).to.equal('compensating');
    expect(walk([ok], record).record.status).to.equal('compensated');
  });

  it('pause between compensations by the rule of the step first, longer later, never over a minute', () => {
    const { pauses } = walk([ok, refused, ...Array<StepOutcome>(12).fill(unknown)]);
    expect(pauses.slice(2, 5)).to.deep.equal([100, 200, 400]);
    expect(Math.max(...pauses)).to.equal(60_000);
  });
});
