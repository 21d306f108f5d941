// `npm run bench:compare -- A B`: whether B needs more CPU time per request than A. Two built checkouts run
// interleaved in one run, with A a second time; two result files are compared by their ratios to raw. Exit
// code 1 when B is worse beyond the noise, 2 when nothing could be said.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chooseTool } from './load/choose.js';
import { COMPARE_USAGE, type CompareOptions, parseCompareOptions } from './options.js';
import { type OneStart, startOnce } from './process/starts.js';
import { comparisonText } from './report/comparison-text.js';
import { parseReport } from './report/report.js';
import { command, inSurroundings, measureTogether, progress } from './session.js';
import { multilane } from './subjects/own.js';
import { type Subject, startRoute } from './subjects/subject.js';
import type { Roles } from './summarize.js';
import { type Comparison, judgeFiles, judgeRun, judgeSeries, type Verdict, withVerdicts } from './verdict.js';

const ROLES: Roles = { baseline: 'A', double: 'A again (A/A)' };
const CANDIDATE = 'B';

await command(COMPARE_USAGE, async (argv, signal) => {
  const options = parseCompareOptions(argv);
  const kinds = [options.a, options.b].map(kindOf);
  if (kinds[0] !== kinds[1]) throw new Error('compare two checkouts or two result files, not one of each');
  const comparison =
    kinds[0] === 'checkout' ? await compareCheckouts(options, signal) : compareFiles(options);
  process.stdout.write(`${comparisonText(comparison, options)}\n`);
  if (comparison.verdicts.length === 0) throw new Error('A and B have no measured shape in common');
  if (comparison.isWorse) process.exitCode = 1;
});

/** @throws Error when the path is neither */
function kindOf(path: string): 'checkout' | 'file' {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  if (statSync(path).isFile()) return 'file';
  if (existsSync(join(path, 'dist/primary.js'))) return 'checkout';
  throw new Error(`${path} has no dist/primary.js: build it first`);
}

async function compareCheckouts(options: CompareOptions, signal: AbortSignal): Promise<Comparison> {
  const a = resolve(options.a);
  const b = resolve(options.b);
  return inSurroundings(options, async (surroundings) => {
    const subjects = [
      multilane(ROLES.baseline, options.sharding, surroundings, a),
      multilane(ROLES.double, options.sharding, surroundings, a),
      multilane(CANDIDATE, options.sharding, surroundings, b),
    ];
    const starts = await compareStarts(subjects, options.starts, signal);
    const tool = chooseTool(options.tool);
    const { results, notMeasured } = await measureTogether(subjects, options, { tool, signal, roles: ROLES });
    const broken = notMeasured.find(({ server }) => server !== CANDIDATE);
    if (broken !== undefined) throw new Error(`${broken.server}: ${broken.reason}`);
    return withVerdicts(judgeRun(results, ROLES, CANDIDATE), starts);
  });
}

/** Starts A, A again and B in turn, so many times. */
async function compareStarts(
  subjects: readonly Subject[],
  rounds: number,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const seen = subjects.map((): OneStart[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < subjects.length; turn += 1) {
      signal.throwIfAborted();
      const index = (turn + round) % subjects.length;
      seen[index]!.push(await startOnce(subjects[index]!, startRoute(subjects[index]!)));
    }
    progress(`start ${round + 1}/${rounds}`);
  }
  if (rounds === 0) return [];
  const [a, double, b] = seen as [OneStart[], OneStart[], OneStart[]];
  const series = (what: string, of: (start: OneStart) => number): Verdict =>
    judgeSeries({ what, a: a.map(of), double: double.map(of), b: b.map(of) });
  return [
    series('start to the first 200', ({ firstResponseMs }) => firstResponseMs),
    series('memory without requests', ({ idlePssMiB }) => idlePssMiB),
  ];
}

function compareFiles({ a, b, server }: CompareOptions): Comparison {
  const [before, after] = [a, b].map((file) => parseReport(readFileSync(file, 'utf8'), file));
  return judgeFiles(before!, after!, server);
}
