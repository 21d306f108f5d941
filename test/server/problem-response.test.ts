import { expect } from 'chai';
import {
  BusinessError,
  ERROR_TABLE,
  type ErrorCode,
  HttpError,
  UnavailableError,
  ValidationError,
} from '#src/errors.js';
import { problemOf } from '#src/server/problem-response.js';
import { toError } from '#src/telemetry/to-error.js';
import { SECRET_TEXTS, SECRETS } from '#test/telemetry/secret-forms.js';
import { bench } from './kit.js';

const request = { requestId: 'r-1', traceId: 'a'.repeat(32), executed: true };
const documentOf = (error: unknown) => {
  const { body, headers, fault: _fault, ...rest } = problemOf(error, request);
  return { ...rest, headers: [...headers], document: JSON.parse(body) as Record<string, unknown> };
};

describe('the log line of a failure', () => {
  // docs/operations.md tells operators which failures they find in the log.
  it('is there for the status 500 only, with the id that the response has', async () => {
    const codes = Object.keys(ERROR_TABLE) as ErrorCode[];
    const { inject, logs } = bench((app) =>
      app.get('/:code', (ctx) => {
        throw new HttpError(ctx.params.code!, 'why');
      }),
    );
    for (const code of codes) {
      const { status, headers } = await inject({ method: 'GET', url: `/${code}` });
      const ids = logs.splice(0).map(({ requestId }) => requestId);
      expect(ids, code).to.deep.equal(status === 500 ? [headers['x-request-id']] : []);
    }
  });
});

describe('the problem document of a failure', () => {
  it('shows no secret of its message', () => {
    for (const text of Object.values(SECRET_TEXTS)) {
      const { detail } = documentOf(new HttpError('BAD_UPSTREAM', `refused: ${text}`)).document;
      for (const secret of SECRETS) expect(detail).to.not.contain(secret);
      expect(detail).to.match(/^refused: /);
    }
  });

  it('has the members of RFC 9457 and those of docs/errors.md', () => {
    const { status, document } = documentOf(new HttpError('EMAIL_TAKEN', 'This e-mail is taken.'));
    expect(status).to.equal(409);
    expect(document).to.deep.equal({
      type: 'urn:multilane:problem:email-taken',
      title: 'E-mail taken',
      status: 409,
      detail: 'This e-mail is taken.',
      instance: 'urn:multilane:request:r-1',
      code: 'EMAIL_TAKEN',
      traceId: 'a'.repeat(32),
    });
  });

  it('lists what is not valid, and has extra members that cannot replace these', () => {
    const errors = [{ path: '/a', message: 'Expected string' }];
    expect(documentOf(new ValidationError(errors)).document.errors).to.deep.equal(errors);
    const { document } = documentOf(
      new HttpError('SAGA_COMPENSATED', '', { members: { sagaId: '1', status: 1 } }),
    );
    expect([document.sagaId, document.status]).to.deep.equal(['1', 402]);
  });

  it('keeps its members when the extra members have a toJSON, and shows those that are data', () => {
    const when = new Date(0);
    for (const toJSON of [() => ({ replaced: true }), () => undefined, 'text']) {
      const members = { sagaId: '1', when, toJSON };
      const { document } = documentOf(new HttpError('SAGA_COMPENSATED', '', { members }));
      expect(document).to.include({
        code: 'SAGA_COMPENSATED',
        status: 402,
        sagaId: '1',
        when: when.toJSON(),
      });
      expect(document.toJSON).to.equal(typeof toJSON === 'string' ? toJSON : undefined);
    }
  });

  it('shows nothing of an error that is not an HttpError', () => {
    for (const thrown of [new Error('select * from secret'), 'secret', undefined, null, { secret: 1 }, 7]) {
      const { status, code, document } = documentOf(thrown);
      expect([status, code]).to.deep.equal([500, 'INTERNAL']);
      expect(JSON.stringify(document)).to.not.include('secret');
    }
  });

  it('always has Retry-After with 503, and WWW-Authenticate with 401', () => {
    expect(documentOf(new HttpError('OVERLOADED', '')).headers).to.deep.equal(['retry-after', '1']);
    expect(documentOf(new UnavailableError('STARTING', '', 7)).headers).to.deep.equal(['retry-after', '7']);
    expect(documentOf(new HttpError('UNAUTHORIZED', '')).headers).to.deep.equal([
      'www-authenticate',
      'Bearer',
    ]);
  });

  it('is INTERNAL when the error itself cannot be sent', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const error of [
      new HttpError('NOT_FOUND', '', { headers: { location: 'a\r\nset-cookie: b' } }),
      new HttpError('NOT_FOUND', '', { members: circular }),
      new HttpError('NOT_FOUND', '', { status: 200 }),
      new HttpError('NOT_FOUND', '', { status: 99 }),
      new HttpError('CLIENT_CLOSED', ''),
    ]) {
      expect(documentOf(error).code).to.equal('INTERNAL');
    }
  });

  it('does not let an error change framing or media type', () => {
    const headers = { 'Content-Length': '1', 'content-type': 'text/html', 'X-A': 'b' };
    expect(documentOf(new HttpError('NOT_FOUND', '', { headers })).headers).to.deep.equal(['x-a', 'b']);
  });

  it('has a type for codes of a service, too', () => {
    const { document } = documentOf(new BusinessError('SOLD_OUT', 'Sold out.', { details: { left: 0 } }));
    expect(document).to.include({ type: 'urn:multilane:problem:sold-out', title: 'Sold out', status: 422 });
    expect(document.details).to.deep.equal({ left: 0 });
  });

  it('is logged only when the request is not its reason', () => {
    const faultOf = (error: unknown) => problemOf(error, request).fault;
    for (const error of [new Error('no'), new HttpError('INTERNAL', '')])
      expect(faultOf(error)).to.equal(error);
    expect(faultOf('text')?.message).to.equal('thrown: "text"');
    for (const code of ['NOT_FOUND', 'OVERLOADED']) {
      expect(faultOf(new HttpError(code, ''))).to.equal(undefined);
    }
    const thrown = new HttpError('NOT_FOUND', '', { members: { id: 5n } });
    const fault = faultOf(thrown)!;
    expect(fault).to.deep.include({ thrown });
    expect(fault.cause).to.be.instanceOf(TypeError);
  });

  it('shortens a long message for the client, and bounds what the log shows of it', () => {
    const long = 'm'.repeat(20_000_000);
    expect(documentOf(new HttpError('NOT_FOUND', long)).document.detail).to.have.length.below(10_000);
    for (const thrown of [long, { long, password: 'hunter2' }, [long], Symbol(long), new String(long)]) {
      const { message } = toError(thrown);
      expect(message).to.have.length.within(10, 10_000);
      expect(message).to.not.contain('hunter2');
    }
  });

  it('can be logged whatever was thrown', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
        getPrototypeOf() {
          throw new Error('no');
        },
      },
    );
    for (const thrown of [hostile, Object.create(null), Symbol('x'), 10n]) {
      expect(toError(thrown)).to.be.instanceOf(Error);
    }
    const error = new Error('kept');
    expect(toError(error)).to.equal(error);
  });
});
