import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { problemOf } from '#src/telemetry/admin/problem.js';

describe('telemetry/admin/problem', () => {
  it('cuts what a failure says at 8 KiB, as the data plane does', () => {
    const failed = { requestId: 'r', traceId: 't', executed: true };
    const { body } = problemOf(new HttpError('VALIDATION_FAILED', 'x'.repeat(100_000)), failed);
    expect(JSON.parse(body).detail).to.match(/^x{8192}…?/);
    expect(body.length).to.be.below(9000);
  });
});
