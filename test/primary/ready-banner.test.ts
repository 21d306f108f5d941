import { expect } from 'chai';
import { bannerText, hasReader } from '#src/primary/ready-banner.js';

const FACTS = {
  version: '1.2.3',
  workers: 2,
  services: ['users', 'orders'],
  dataPlane: 'http://127.0.0.1:8080',
  adminPlane: 'http://127.0.0.1:9901',
};

describe('the banner below the ready line', () => {
  it('says what runs, where it is, and how to stop it', () => {
    const text = bannerText(FACTS);
    expect(text)
      .to.match(/^ {2}Multilane 1\.2\.3, 2 workers$/m)
      .and.match(/^ {2}address +http:\/\/127\.0\.0\.1:8080$/m)
      .and.match(/^ {2}services +users, orders$/m)
      .and.match(/^ {2}dashboard +http:\/\/127\.0\.0\.1:9901\/$/m)
      .and.match(/^ {2}admin +multilane ps --admin http:\/\/127\.0\.0\.1:9901$/m)
      .and.match(/^ {2}stop +Ctrl-C /m);
    expect(text.split('\n').filter((line) => line.length > 80)).to.deep.equal([]);
  });

  it('is printed on a terminal only, and not below a supervisor or multilane dev', () => {
    const stderr = (isTTY: boolean) => ({ isTTY }) as NodeJS.Process['stderr'];
    expect(hasReader({ stderr: stderr(true) })).to.equal(true);
    expect(hasReader({ stderr: stderr(false) })).to.equal(false);
    expect(hasReader({ stderr: stderr(true), send: () => true })).to.equal(false);
  });
});
