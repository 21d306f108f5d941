// The example with services in Python and Go, as its README starts them.
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { useExample, useStarted } from '#test/support/example.js';
import { markPending } from '#test/support/pending.js';
import { until } from '#test/support/until.js';

/** A compiler that has compiled nothing yet compiles its standard library first. */
const COMPILE_MS = 120_000;

describe('the example gateway', () => {
  const example = useExample('gateway');
  const cluster = useStarted(example);

  const statesOf = async (service: string): Promise<readonly string[]> => {
    const url = `${cluster.adminUrl}/registry/v1/services/${service}`;
    const { instances } = await json<{ readonly instances: readonly { readonly state: string }[] }>(
      await get(url),
    );
    return instances.map(({ state }) => state);
  };
  const isHealthy = (service: string): Promise<unknown> =>
    until(
      () => statesOf(service),
      (states) => states.includes('healthy'),
      COMPILE_MS,
    );
  const needs = (context: Mocha.Context, program: string, argument: string): void => {
    if (spawnSync(program, [argument]).error !== undefined)
      markPending(context, `${program} is not installed`);
  };
  /** The step that starts a service, and the steps behind it up to the next such step. */
  const stepsOf = (start: string): ReturnType<typeof example.steps> => {
    const steps = example.steps();
    const from = steps.findIndex(({ command }) => command.startsWith(start));
    const length = steps.slice(from + 1).findIndex(({ command }) => !command.startsWith('curl '));
    return steps.slice(from, length === -1 ? undefined : from + 1 + length);
  };

  it('does what its README shows with a service in Python, which removes itself in the end', async function () {
    this.timeout(60_000);
    needs(this, 'python3', '--version');
    const [start, ...steps] = stepsOf('python3 ');
    await example.follow(cluster, start!, async () => {
      await isHealthy('inventory');
      await example.run(cluster, steps);
    });
    expect(await statesOf('inventory')).to.deep.equal([]);
  });

  it('does what its README shows with a service in Go beside it', async function () {
    this.timeout(COMPILE_MS + 60_000);
    needs(this, 'python3', '--version');
    needs(this, 'go', 'version');
    const [[python], [go, ...steps]] = [stepsOf('python3 '), stepsOf('go ')];
    await example.follow(cluster, python!, () =>
      example.follow(cluster, go!, async () => {
        await Promise.all(['inventory', 'prices'].map(isHealthy));
        await example.run(cluster, steps);
      }),
    );
    expect(await statesOf('prices')).to.deep.equal([]);
  });
});
