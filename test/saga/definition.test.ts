import { expect } from 'chai';
import { ConfigError } from '#src/errors.js';
import { type AnyDefinition, planOf, SagaPlans } from '#src/saga/definition.js';
import { sagaRecord } from '#test/conformance/journal-records.js';

const run = (): undefined => undefined;
const good = { name: 'transfer', version: 1, steps: [{ name: 'debit', run }] };
const withStep = (step: object): object => ({ ...good, steps: [{ name: 'debit', run, ...step }] });

describe('a saga definition', () => {
  it('gets the documented defaults', () => {
    expect(planOf(good).steps[0]).to.deep.include({
      retry: { attempts: 5, backoffMs: 100, maxBackoffMs: 5000 },
      timeoutMs: 10_000,
    });
  });

  it('gets the default of an option that is undefined', () => {
    const [step] = planOf(
      withStep({ retry: { attempts: undefined }, timeoutMs: undefined }) as AnyDefinition,
    ).steps;
    expect(step).to.deep.include({
      retry: { attempts: 5, backoffMs: 100, maxBackoffMs: 5000 },
      timeoutMs: 10_000,
    });
  });

  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['is missing', undefined, /a saga must be an object such as .*, not undefined/],
    ['is a list', [good], /a saga must be an object such as .*, not an array/],
    ['has no name', { ...good, name: '' }, /saga name must be .*, not ""/],
    ['has a name that is no name', { ...good, name: 'a/b' }, /"a\/b"/],
    ['has no version', { ...good, version: undefined }, /"transfer": version/],
    ['has a version that is not whole', { ...good, version: 1.5 }, /version must be .*, not 1.5/],
    ['has no steps', { ...good, steps: [] }, /steps must be a list of 1 to 1000 steps, not an empty array/],
    [
      'has too many steps',
      { ...good, steps: Array(1001).fill(good.steps[0]) },
      /steps must be a list of 1 to/,
    ],
    ['names two steps alike', { ...good, steps: [good.steps[0], good.steps[0]] }, /two steps .*"debit"/],
    ['has a step that is nothing', { ...good, steps: [null] }, /"transfer": a step must be an object/],
    ['has a step that is a function', { ...good, steps: [run] }, /a step must be .*, not a function/],
    ['has a step without a name', { ...good, steps: [{ run }] }, /step name must be .*, not undefined/],
    ['has a step without run', withStep({ run: undefined }), /step "debit": run/],
    ['has a compensate that is no function', withStep({ compensate: true }), /"debit": compensate/],
    ['has a resolve that is no function', withStep({ resolve: {} }), /"debit": resolve/],
    ['allows no attempt', withStep({ retry: { attempts: 0 } }), /attempts/],
    ['has a negative backoff', withStep({ retry: { backoffMs: -1 } }), /backoffMs/],
    ['has a time-out beyond what a timer takes', withStep({ timeoutMs: 2 ** 31 }), /timeoutMs/],
    ['has a member that is misspelt', withStep({ compensat: run }), /"debit": unknown member "compensat"/],
    [
      'has a retry that is no rule',
      withStep({ retry: 3 }),
      /"debit": retry: options must be an object such as .*, not 3/,
    ],
    ['has a rule that is misspelt', withStep({ retry: { delayMs: 1 } }), /retry: unknown option "delayMs"/],
    ['has something beside its steps', { ...good, retries: 1 }, /unknown member "retries"/],
    ['has a time-out that is no number', withStep({ timeoutMs: Number.NaN }), /timeoutMs/],
    ['has a time-out of text', withStep({ timeoutMs: '5000' }), /timeoutMs must be .*, not "5000"/],
    ['has a list as time-out', withStep({ timeoutMs: [500] }), /timeoutMs must be .*, not an array/],
    ['has a switch as time-out', withStep({ timeoutMs: true }), /timeoutMs must be .*, not true/],
    ['has null as time-out', withStep({ timeoutMs: null }), /timeoutMs must be .*, not null/],
    ['has a list as retry', withStep({ retry: [] }), /retry: options must be .*, not an empty array/],
    ['has a backoff of text', withStep({ retry: { backoffMs: '300' } }), /backoffMs must be .*, not "300"/],
    ['has attempts of text', withStep({ retry: { attempts: '3' } }), /attempts must be .*, not "3"/],
  ];
  for (const [what, definition, message] of wrong) {
    it(`is refused at registration when it ${what}`, () => {
      expect(() => planOf(definition as AnyDefinition)).to.throw(ConfigError, message);
    });
  }

  it('is refused when its name is taken', () => {
    expect(() => new SagaPlans([good, good])).to.throw(ConfigError, /"transfer" is defined twice/);
  });

  it('runs a saga of the same version and the same steps, and no other', () => {
    const steps = ['debit', 'credit', 'null'].map((name) => ({ name, run }));
    const record = sagaRecord();
    expect(new SagaPlans([{ ...good, steps }]).planFor(record)).to.not.equal(undefined);
    expect(new SagaPlans([{ ...good, steps, version: 2 }]).planFor(record)).to.equal(undefined);
    expect(new SagaPlans([{ ...good, steps: steps.slice(1) }]).planFor(record)).to.equal(undefined);
    expect(new SagaPlans([{ ...good, steps: steps.toReversed() }]).planFor(record)).to.equal(undefined);
    expect(new SagaPlans([]).planFor(record)).to.equal(undefined);
  });
});
