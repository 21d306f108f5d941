// `npm run chaos`: runs chaos once, with the progress on stderr and the report on stdout.
import { errorMessage } from '#src/error-text.js';
import { type ChaosOptions, chaos } from './chaos.js';
import { parseOptions, USAGE } from './options.js';
import { reportOf } from './report.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function run(options: ChaosOptions): Promise<void> {
  say(`seed ${options.seed}, ${options.seconds} s, ${options.workers} workers`);
  const report = await chaos({ ...options, progress: say });
  process.stdout.write(`${reportOf(report)}\n`);
  process.exitCode = report.broken.length === 0 ? 0 : 1;
}

let options: ChaosOptions | undefined;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  say(`${errorMessage(error)}\n\n${USAGE}`);
  process.exit(1);
}
if (options === undefined) process.stdout.write(`${USAGE}\n`);
else await run(options);
