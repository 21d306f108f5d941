// Tests that cannot run on this machine are shown as pending, with the reason.

/** Skips a test, or the suite of a `before` hook, and shows the reason in its title. */
export function markPending(context: Mocha.Context, reason: string): void {
  const { test } = context;
  const shown = test !== undefined && 'type' in test && test.type === 'hook' ? test.parent : test;
  if (shown !== undefined) shown.title += ` (pending: ${reason})`;
  context.skip();
}
