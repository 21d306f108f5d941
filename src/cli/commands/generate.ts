// `multilane generate KIND NAME`: writes code into the project, with a test beside it.
import type { Command } from 'commander';
import { exitProcess } from '../../process/process-exit.js';
import type { ExistingNames } from '../generate/existing-names.js';
import type { Plan } from '../generate/plan.js';
import type { ProjectShape } from '../generate/project-shape.js';
import { print } from '../output.js';
import { plain } from '../terminal-text.js';

type PlanOf = (shape: ProjectShape, existing: ExistingNames) => Plan;

interface Options {
  readonly config?: string;
  readonly dryRun?: true;
}

interface PartOptions extends Options {
  readonly service: string;
}

/** Parts of an existing service, with their meanings. */
const PARTS = {
  saga: 'write a saga of a service, and its test',
  route: 'write a route of a service in a file of its own, and its test',
  migration: 'write the next migration of a service',
} as const;

export function generateCommand(program: Command): void {
  const generate = program
    .command('generate')
    .alias('g')
    .description('write a service, saga, route or migration into the project');
  withCommon(generate.command('service <name>'))
    .description('write a service with a route and a test, and add it to the configuration')
    .action(async (name: string, options: Options) => {
      const { servicePlan } = await import('../generate/plans.js');
      await carryOut(options, (shape, existing) => servicePlan(shape, name, existing));
    });
  for (const [kind, meaning] of Object.entries(PARTS)) {
    withCommon(generate.command(`${kind} <name>`))
      .description(meaning)
      .requiredOption('--service <service>', 'service of the project that it belongs to')
      .action(async (name: string, { service, ...options }: PartOptions) => {
        const { migrationPlan, routePlan, sagaPlan } = await import('../generate/plans.js');
        const plan = { saga: sagaPlan, route: routePlan, migration: migrationPlan }[
          kind as keyof typeof PARTS
        ];
        await carryOut(options, (shape, existing) => plan(shape, name, existing, service));
      });
  }
}

const withCommon = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration file instead of multilane.config.{ts,js,mjs}')
    .option('--dry-run', 'print what would be written, and write nothing');

async function carryOut({ config, dryRun }: Options, planOf: PlanOf): Promise<void> {
  const { shapeOfProject } = await import('../generate/project-shape.js');
  const shape = shapeOfProject(process.cwd(), config);
  const { existingNames } = await import('../generate/existing-names.js');
  const existing = await existingNames(shape);
  const { carryOut: write } = await import('../generate/plan.js');
  const lines = await write(shape.root, planOf(shape, existing), dryRun === true);
  if (existing.problem !== undefined) process.stderr.write(warningOf(existing.problem));
  await print(lines);
  // The loop may not end by itself: a service may have set a timer while it registered its routes.
  await exitProcess(0, false);
}

const warningOf = (problem: string): string =>
  'multilane: warning: the project does not load, so names that are taken were only searched in the text of ' +
  `its files; multilane routes shows the rest when it loads:\n${indented(problem)}\n`;

const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => `  ${plain(line)}`)
    .join('\n');
