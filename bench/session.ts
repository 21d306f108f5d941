// One run: the servers that are started together, the cells that are measured on them, and their end in any
// case.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '#src/error-text.js';
import type { LoadTool } from './load/load.js';
import { type Cell, measure, type Plan } from './measure.js';
import type { LoadOptions } from './options.js';
import { type Server, type ServerCommand, startServer } from './process/server.js';
import { callsUpstream, type Shape } from './shapes/shapes.js';
import { rawUws, type Surroundings } from './subjects/own.js';
import { type NotMeasured, type Subject, shortReason } from './subjects/subject.js';
import { type Result, type Roles, summarize } from './summarize.js';

export const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** Gives the run a folder, and the upstream of the shapes that call one if they are measured. Both end with the run. */
export async function inSurroundings<T>(
  { workers, shapes }: Pick<LoadOptions, 'workers' | 'shapes'>,
  run: (surroundings: Surroundings) => Promise<T>,
): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'multilane-bench-'));
  // Started by root, PostgreSQL runs as another user and must be able to enter this folder.
  chmodSync(scratch, 0o711);
  let upstream: Server | undefined;
  try {
    const nowhere = { workers: 1, scratch, upstream: 'http://127.0.0.1:9' };
    if (shapes.some(callsUpstream)) {
      upstream = await startServer(rawUws('upstream', 'acceptor', nowhere));
    }
    return await run({ workers, scratch, upstream: upstream?.url ?? nowhere.upstream });
  } finally {
    await upstream?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The cells of a run. Clients of events and WebSockets send Host and what they must, once. */
export const cellsOf = ({ shapes, fields }: Pick<LoadOptions, 'shapes' | 'fields'>): readonly Cell[] =>
  shapes.flatMap((shape) =>
    (shape.load === 'http' ? fields : (['bare'] as const)).map((set) => ({ shape, fields: set })),
  );

/** The plan of the options of a run. */
export const planOf = (
  { rounds, duration, connections }: Pick<LoadOptions, 'rounds' | 'duration' | 'connections'>,
  more: Pick<Plan, 'tool' | 'signal' | 'exclude'>,
): Plan => ({ rounds, seconds: duration, connections, progress, ...more });

/** Starts all subjects, measures the cells on those that serve them, and ends them. */
export async function measureTogether(
  subjects: readonly Subject[],
  options: LoadOptions,
  { tool, signal, roles }: { tool: LoadTool; signal: AbortSignal; roles: Roles },
): Promise<{ results: readonly Result[]; notMeasured: readonly NotMeasured[] }> {
  const notMeasured: NotMeasured[] = [];
  const exclude = (server: string, reason: string): void => {
    progress(`${server}: ${reason}`);
    notMeasured.push({ server, reason: shortReason(reason) });
  };
  const plan = planOf(options, { tool, signal, exclude });
  const running: Running[] = [];
  const results: Result[] = [];
  try {
    for (const subject of subjects) {
      signal.throwIfAborted();
      const server = await startOr(subject, exclude);
      if (server !== undefined) running.push({ subject, server });
    }
    for (const cell of cellsOf(options)) {
      results.push(...summarize(cell, await measure(cell, serversOf(running, cell.shape), plan), roles));
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()));
  }
  return { results, notMeasured };
}

interface Running {
  readonly subject: Subject;
  readonly server: Server;
}

const serversOf = (running: readonly Running[], { route }: Shape): readonly Server[] =>
  running.filter(({ subject }) => subject.routes.includes(route)).map(({ server }) => server);

async function startOr(
  subject: Subject & ServerCommand,
  exclude: (server: string, reason: string) => void,
): Promise<Server | undefined> {
  try {
    const server = await startServer(subject);
    try {
      await subject.prepare?.(server);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  } catch (error) {
    exclude(subject.name, errorMessage(error));
    return undefined;
  }
}

/** Runs the main function of a command. Ctrl-C ends all its children. */
export async function command(
  usage: string,
  main: (argv: readonly string[], signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => interrupted.abort(new Error(`bench: ended by ${name}`)));
  }
  try {
    await main(process.argv.slice(2), interrupted.signal);
  } catch (error) {
    const reason: unknown = interrupted.signal.aborted ? interrupted.signal.reason : error;
    process.stderr.write(`${errorMessage(reason)}\n${usage}\n`);
    process.exitCode = interrupted.signal.aborted ? 130 : 2;
  }
}
