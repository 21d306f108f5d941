// The result of a run. The JSON file contains all of it; the tables and the charts are made from it.
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { LoadSize } from '../options.js';
import type { IdleConnections } from '../process/idle-connections.js';
import type { Start } from '../process/starts.js';
import type { NotMeasured, ServerFacts } from '../subjects/subject.js';
import type { Result, Roles } from '../summarize.js';

/**
 * Raised whenever a reader of an older file would misread a newer one. Files without it are of the first
 * form.
 */
export const FORMAT = 2;

export interface StartFigures extends Start {
  readonly server: string;
  /** The path of the first response. */
  readonly path: string;
}

export interface IdleFigures extends IdleConnections {
  readonly server: string;
}

export interface Report {
  readonly format: typeof FORMAT;
  /** Time of the run in ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** The command that repeats the run. */
  readonly command: string;
  /** All options that were in effect, the defaults included. */
  readonly options: RunOptions;
  readonly servers: readonly ServerFacts[];
  readonly roles: Roles;
  /** See `noiseOf`; null when the run had no double of its baseline. */
  readonly noise: number | null;
  readonly results: readonly Result[];
  readonly starts: readonly StartFigures[];
  readonly idle: readonly IdleFigures[];
  readonly notMeasured: readonly NotMeasured[];
}

/** The load tool of a run. */
export interface ToolFacts {
  readonly tool: string;
  /** Null when it is unknown. */
  readonly toolVersion: string | null;
}

export interface RunOptions extends ToolFacts, LoadSize {
  readonly isFull: boolean;
  readonly starts: number;
  readonly idle: number;
  /** Names of shapes. */
  readonly shapes: readonly string[];
  readonly fields: readonly string[];
  /** Parts of the names of servers; empty: all. */
  readonly servers: readonly string[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Commit of the measured checkout, with "+" when files differ from it; null outside of git. */
  readonly commit: string | null;
  /** Load average of the last minute before the run: other work on the machine. */
  readonly loadBefore: number;
}

export function machine(checkout: string): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
    commit: commitOf(checkout),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function commitOf(cwd: string): string | null {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`;
  } catch {
    return null;
  }
}

/** @throws Error when the text is no result file of this form */
export function parseReport(text: string, file: string): Report {
  const value = JSON.parse(text) as Partial<Report>;
  if (value.format !== FORMAT || value.roles === undefined || !Array.isArray(value.results)) {
    throw new Error(`${file} is no result file of form ${FORMAT}`);
  }
  return value as Report;
}
