// Cases of the journal conformance suite: leases and the clock that dates them.
import { expect } from 'chai';
import { type JournalSuite, KNOWN, LONG_MS, sagaRecord, upTo } from './journal-records.js';

export function leaseCases(suite: JournalSuite): void {
  describe('leases and the clock', () => {
    it('returns the time by which leases are judged', async () => {
      const before = await suite.journal.time();
      expect(before).to.be.within(Date.now() - 60_000, Date.now() + 60_000);
      expect(await suite.journal.time()).to.be.at.least(before);
    });

    it('shortens a lease that ends far ahead when it is renewed', async () => {
      const hold = await suite.start(sagaRecord());
      expect(await suite.journalWith(0).renew([hold])).to.deep.equal({ renewed: [hold], lost: [] });
      const claims = await suite.journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map((claim) => claim.hold.sagaId)).to.deep.equal([hold.sagaId]);
    });

    it('does not change leases and pauses that end no later than they can have been set', async () => {
      const [held, record] = [await suite.start(sagaRecord(), LONG_MS / 2), sagaRecord()];
      await suite.journal.write(await suite.start(record), { ...record, status: 'waiting' }, [], {
        releaseForMs: 2 * LONG_MS,
      });
      await suite.journal.redate(0);
      const later = { ...upTo(10), lapsedAt: (await suite.journal.time()) + LONG_MS / 3 };
      expect(await suite.journal.claim(later, KNOWN, 'none')).to.deep.equal([]);
      expect((await suite.journal.renew([held])).renewed).to.deep.equal([held]);
    });

    it('does not continue a waiting saga by a late renewal', async () => {
      const record = sagaRecord();
      const hold = await suite.start(record);
      await suite.journal.write(hold, { ...record, status: 'waiting' }, [], { releaseForMs: LONG_MS });
      await suite.journalWith(0).renew([hold]);
      await suite.journalWith(2 * LONG_MS).renew([hold]);
      expect(await suite.journal.claim(upTo(10), KNOWN, 'none')).to.deep.equal([]);
    });
  });
}
