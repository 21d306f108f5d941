import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { LostBodies } from '#src/server/lost-bodies.js';

describe('the warning of bodies that were not read to their end', () => {
  it('is one line a minute, with the number of those without a line and no stack', () => {
    const lines: Record<string, unknown>[] = [];
    let now = 5;
    const lost = new LostBodies({ warn: (line: object) => void lines.push({ ...line }) }, () => now);
    const request = { service: 'demo', method: 'POST', route: '/a/*', requestId: 'x-1' };
    const error = new HttpError('CLIENT_CLOSED', 'left');
    for (let sent = 0; sent < 1000; sent++) lost.report(request, error);
    now += 60_000;
    lost.report(request, error);
    now += 60_000;
    lost.report(request, error);
    const line = { ...request, code: 'CLIENT_CLOSED', reason: 'left' };
    expect(lines).to.deep.equal([0, 999, 0].map((unlogged) => ({ ...line, unlogged })));
  });
});
