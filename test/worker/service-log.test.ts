import { expect } from 'chai';
import { createLogger } from '#src/telemetry/log.js';
import { mounted } from './mounted-service-fixture.js';

const NOWHERE = 'postgres://unused@127.0.0.1:1/nothing';

describe('the logger of a service', () => {
  it('is another one than the runtime uses for the service', async () => {
    let written = (_line: string): void => {};
    const line = new Promise<Record<string, unknown>>((resolve) => {
      written = (text) => resolve(JSON.parse(text) as Record<string, unknown>);
    });
    const sink = { write: (text: string) => written(text), flush() {} };
    const { deps, service } = mounted(createLogger({ logLevel: 'info', logFormat: 'json' }, {}, sink));
    deps.log.setBindings({ userId: 'alice' });
    Object.assign(deps.log, { level: 'silent', warn: undefined, error: undefined });
    await service.arrive({ url: NOWHERE, exclusive: false });
    const querying = deps.db.query('select 1').catch(() => undefined); // it is not reached
    try {
      const { userId, ...fields } = await line;
      expect(fields).to.include({ service: 'ledger', msg: 'the database cannot be reached; trying again' });
      expect(userId).to.equal(undefined);
    } finally {
      await service.close();
      await querying;
    }
  });
});
