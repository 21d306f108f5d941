// Tests that cannot run on this machine are shown as pending, with the reason.
import { spawnSync } from 'node:child_process';

/** Skips a test, or the suite of a `before` hook, and shows the reason in its title. */
export function markPending(context: Mocha.Context, reason: string): void {
  const { test } = context;
  const shown = test !== undefined && 'type' in test && test.type === 'hook' ? test.parent : test;
  if (shown !== undefined) shown.title += ` (pending: ${reason})`;
  context.skip();
}

/** Skips where curl, which the commands of the pages need, is not installed. */
export function needsCurl(context: Mocha.Context): void {
  if (spawnSync('curl', ['--version']).error !== undefined) markPending(context, 'curl is not installed');
}
