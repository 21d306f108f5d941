import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { problemOf } from '#src/problem.js';
import { SECRET_TEXTS, SECRETS } from './telemetry/secret-forms.js';

describe('a problem document', () => {
  it('truncates its detail at 8 KiB on both planes', () => {
    const failed = { requestId: 'r', traceId: 't', executed: true };
    const { body } = problemOf(new HttpError('VALIDATION_FAILED', 'x'.repeat(100_000)), failed);
    expect(JSON.parse(body).detail).to.match(/^x{8192}…?/);
    expect(body.length).to.be.below(9000);
  });

  it('contains no secret of the error message, on both planes', () => {
    const failed = { requestId: 'r', traceId: 't', executed: true };
    for (const text of Object.values(SECRET_TEXTS)) {
      const { body } = problemOf(new HttpError('BAD_UPSTREAM', text), failed);
      for (const secret of SECRETS) expect(body).to.not.contain(secret);
    }
  });
});
